"""The three services of this machine, for the sample to speak to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.config import Settings
from shared.demo import ports
from shared.demo.sample.filling import Service


@contextmanager
def services(settings: Settings) -> Iterator[tuple[Service, Service, Service]]:
    """trigger_app, done_app and distinct_app, with the token that the settings have."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    addresses = [
        ports.address(settings.host, port)
        for port in (settings.trigger_port, settings.done_port, settings.distinct_port)
    ]
    trigger, done, distinct = (Service(address, token) for address in addresses)
    with trigger, done, distinct:
        yield trigger, done, distinct
