"""Clients of the three services of this machine, for the sample data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from donebit.addresses import address
from donebit.config import Settings
from donebit.demo.sample.filling import SampleClient


@contextmanager
def services(settings: Settings) -> Iterator[tuple[SampleClient, SampleClient, SampleClient]]:
    """Give clients of trigger_app, done_app and distinct_app, with the token of the settings."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    of_services = (
        address(settings.host, port)
        for port in (settings.trigger_port, settings.done_port, settings.distinct_port)
    )
    trigger, done, distinct = (SampleClient(one, token) for one in of_services)
    with trigger, done, distinct:
        yield trigger, done, distinct
