"""A service whose days would begin elsewhere than those of the store does not start, and says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.demo.ports import free_server_port
from donebit.store import Store
from tests.activity.arranged import site_on
from tests.servers import RunningServer
from tests.started import Started

START_SECONDS = 60.0


@pytest.fixture
def activity_of_berlin(real_client: Redis, valkey: RunningServer) -> str:
    """The address of a server whose days begin in Berlin."""
    now = datetime.now(UTC)
    ingest.record(site_on(Store.on(real_client), zone="Europe/Berlin"), "e", [1], at=now, now=now)
    return valkey.url


@pytest.fixture
def distinct(tmp_path: Path, activity_of_berlin: str, request: pytest.FixtureRequest) -> Iterator[Started]:
    """The service, started with the zone that the test names."""
    port = str(free_server_port())
    environment = {"REDIS_URL": activity_of_berlin, "DISTINCT_PORT": port, "ZONE": request.param}
    clean = dict.fromkeys(("API_TOKEN", "HOST", "ALLOWED_HOSTS"), "")
    started = Started((sys.executable, "-m", "distinct_app"), tmp_path, **clean | environment)
    try:
        yield started
    finally:
        started.end()


@pytest.mark.parametrize("distinct", ["UTC"], indirect=True)
def test_another_zone_is_one_sentence_and_the_end(distinct: Started) -> None:
    assert distinct.exit_code(START_SECONDS) == 1

    (sentence,) = distinct.err.splitlines()
    assert "zone=Europe/Berlin'" in sentence
    assert "zone=UTC': set ZONE as it was" in sentence


@pytest.mark.parametrize("distinct", ["Europe/Berlin"], indirect=True)
def test_the_same_zone_is_served(distinct: Started) -> None:
    distinct.wait_for("answers on", START_SECONDS)
