"""Where a service listens: an address, or a name that the system finds one for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import urllib3

from donebit.addresses import address
from donebit.demo.ports import free_server_port
from tests.servers import RunningServer
from tests.started import Started, eventually

START_SECONDS = 60.0
# All of 127.0.0.0/8 is an address of a Linux machine; of others only the first is.
HOSTS = ("localhost", "127.0.0.1", "::1", *(["127.0.0.2"] if sys.platform == "linux" else []))


@pytest.fixture
def port() -> int:
    return free_server_port()


@pytest.fixture
def service(
    tmp_path: Path, valkey: RunningServer, port: int, request: pytest.FixtureRequest
) -> Iterator[Started]:
    """done_app, started with the HOST that the test names."""
    environment = {"REDIS_URL": valkey.url, "DONE_PORT": str(port), "API_TOKEN": "", "HOST": request.param}
    started = Started((sys.executable, "-m", "done_app"), tmp_path, **environment)
    try:
        yield started
    finally:
        started.end()


@pytest.mark.parametrize(("service", "host"), [(host, host) for host in HOSTS], indirect=["service"])
def test_a_service_listens_where_its_host_says(service: Started, host: str, port: int) -> None:
    service.wait_for("answers on", START_SECONDS)

    shown = service.out.partition("answers on ")[2].split()[0]

    for one in (f"{address(host, port)}/", shown):
        eventually(partial(is_answered, one), START_SECONDS, what=one)


def is_answered(url: str) -> bool:
    """Whether the service answers there."""
    try:
        health = urllib3.request("GET", f"{url}health", retries=False).json()
    except urllib3.exceptions.HTTPError:
        return False
    return bool(health["service"] == "done_app")
