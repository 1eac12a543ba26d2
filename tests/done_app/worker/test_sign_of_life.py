"""The worker's sign of life goes on, whatever Redis answers once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from done_app.worker import sign_of_life
from done_app.worker.clock_watch import ClockWatch
from donebit.store import Store
from tests.servers import RunningServer, running, valkey_binary


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        yield server


def test_a_heartbeat_that_is_refused_once_is_not_the_last(
    own_server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    operator = own_server.client
    operator.acl_setuser("worker", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-set"])
    store = Store.at(own_server.url.replace("://", "://worker:any@"), connections=1)
    watch = ClockWatch(store, "here:1")

    sign_of_life.give(store, watch)
    assert store.heartbeats.last_seen_ms("worker") == [None]
    assert "the worker's heartbeat cannot be recorded" in caplog.text

    operator.acl_setuser("worker", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    sign_of_life.give(store, watch)
    assert store.heartbeats.last_seen_ms("worker") != [None]
