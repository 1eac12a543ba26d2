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
from donebit.store import Store, keys
from donebit.zone_rules import fingerprint
from tests.activity.arranged import site_on
from tests.servers import RunningServer
from tests.started import Started
from tests.web.services import Services, body_of

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
    assert distinct.exit_code(START_SECONDS) == 2

    (sentence,) = distinct.err.splitlines()
    assert "zone=Europe/Berlin'" in sentence
    assert "zone=UTC': set ZONE as it was" in sentence


@pytest.mark.parametrize("distinct", ["Europe/Berlin"], indirect=True)
def test_the_same_zone_is_served(distinct: Started) -> None:
    distinct.wait_for("answers on", START_SECONDS)


@pytest.mark.parametrize("distinct", ["localtime", "Factory", "right/UTC"], indirect=True)
def test_what_is_no_zone_is_refused(distinct: Started) -> None:
    assert distinct.exit_code(START_SECONDS) == 2

    assert "ZONE: no time zone" in distinct.err


@pytest.mark.parametrize("distinct", ["Europe/Berlin"], indirect=True)
def test_a_store_without_a_fingerprint_of_its_zone_gets_one(distinct: Started, real_client: Redis) -> None:
    distinct.wait_for("answers on", START_SECONDS)

    assert real_client.get(keys.ZONE_RULES) == f"Europe/Berlin {fingerprint('Europe/Berlin')}".encode()
    assert "on this host" not in distinct.out + distinct.err


@pytest.fixture
def other_rules(activity_of_berlin: str, real_client: Redis) -> str:  # noqa: ARG001 - it has days of Berlin
    """The fingerprint that another host's zone data had."""
    recorded = f"Europe/Berlin {fingerprint('Europe/London')}"
    real_client.set(keys.ZONE_RULES, recorded)
    return recorded


@pytest.mark.parametrize("distinct", ["Europe/Berlin"], indirect=True)
def test_other_rules_of_the_zone_are_said_and_served(
    other_rules: str, distinct: Started, real_client: Redis
) -> None:
    said = "the rules of Europe/Berlin on this host"
    distinct.wait_for(said, START_SECONDS)
    distinct.wait_for("answers on", START_SECONDS)
    health = body_of(Services(Store.on(real_client), zone="Europe/Berlin").distinct.get("/health"))

    (warning,) = health["warnings"]
    assert said in warning
    assert real_client.get(keys.ZONE_RULES) == other_rules.encode()


def test_before_the_first_visit_the_rules_of_the_last_start_count(client: Redis) -> None:
    store = Store.on(client)

    store.activity_layout.keep_zone_rules("Europe/Berlin")
    store.activity_layout.keep_zone_rules("Asia/Tokyo")
    store.activity_layout.check("Asia/Tokyo")
    store.activity_layout.keep_zone_rules("Europe/Berlin")

    assert client.get(keys.ZONE_RULES) == f"Asia/Tokyo {fingerprint('Asia/Tokyo')}".encode()
    assert store.activity_layout.zone_warning() is None
