"""The way to Redis changes under running processes: all go on by themselves, none has to be started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from donebit.completion import lifecycle
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from tests.redis_way import Way, way_to
from tests.replicas import is_copied
from tests.servers import RunningServer, running, valkey_binary
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

BACK_WITHIN_SECONDS = 30.0  # as docs/operations.md promises


@pytest.fixture
def reached(tmp_path: Path) -> Iterator[tuple[Stack, Way]]:
    """A whole stack whose processes reach their server over a way."""
    with ExitStack() as closing:
        stack = Stack(tmp_path)
        closing.callback(stack.close)
        way = closing.enter_context(way_to(stack.server.port))
        stack._environment["REDIS_URL"] = way.url
        stack.start()
        yield stack, way


@pytest.fixture
def new_primary(tmp_path: Path) -> Iterator[RunningServer]:
    folder = tmp_path / "new"
    folder.mkdir()
    with running(valkey_binary(), folder) as server:
        yield server


def is_done(store: Store, task_id: str) -> bool:
    return lifecycle.get_task(store, task_id).task.ended


def is_healthy(service: str) -> bool:
    return ask("GET", f"{service}/health").status == 200


def last_sweep_ms(store: Store) -> int:
    return store.heartbeats.last_seen_ms("sweep")[0] or 0


def test_all_processes_follow_the_address_to_the_new_primary(
    reached: tuple[Stack, Way], new_primary: RunningServer
) -> None:
    stack, way = reached
    processes, old = stack.processes(), stack.server
    begun = stack.trigger_done(2000, 10)
    stack.await_progress(begun, 50)
    old.client.config_set("repl-diskless-sync-delay", 0)
    new_primary.client.replicaof("127.0.0.1", str(old.port))
    eventually(lambda: is_copied(new_primary), DONE_SECONDS, what="the replica is not up")

    new_primary.client.replicaof("NO", "ONE")
    old.client.replicaof("127.0.0.1", str(new_primary.port))
    way.port = new_primary.port

    for name, url in stack.services().items():
        eventually(partial(is_healthy, url), DONE_SECONDS, what=f"{name} stays away")
    later = stack.trigger_done(20, 10)
    store = Store.at(new_primary.url, timeout=WORKER_TIMEOUT)
    eventually(lambda: is_done(store, later), DONE_SECONDS, what="the worker does not go on")
    eventually(lambda: is_done(store, begun), DONE_SECONDS, what="the task that ran is not done")
    assert stack.processes() == processes


def test_worker_and_beat_are_back_soon_after_a_host_vanished(reached: tuple[Stack, Way]) -> None:
    stack, way = reached
    processes = stack.processes()
    stack.await_told(stack.trigger_done(20, 10))  # worker and beat have talked to the server
    eventually(lambda: last_sweep_ms(stack.store), DONE_SECONDS, what="beat has sent nothing")

    way.cut_off()
    eventually(lambda: not is_healthy(stack.trigger), DONE_SECONDS, what="nothing is cut off")
    way.cut = False  # only new connections pass: the old ones are silent for ever

    eventually(lambda: is_healthy(stack.trigger), DONE_SECONDS, what="the service stays away")
    later = stack.trigger_done(20, 10)
    eventually(lambda: is_done(stack.store, later), BACK_WITHIN_SECONDS, what="the worker stands still")
    swept = last_sweep_ms(stack.store)
    eventually(lambda: last_sweep_ms(stack.store) > swept, BACK_WITHIN_SECONDS, what="beat stands still")
    assert stack.processes() == processes
