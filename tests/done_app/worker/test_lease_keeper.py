"""The keeper of a worker's leases hands steps over until they are sent, and trusts no lease too soon."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from redis import Redis

from done_app.worker import identity
from done_app.worker import leases as worker_leases
from done_app.worker.leases import TRUSTED_PAUSE, LeaseKeeper, Message
from done_app.worker.steps import position
from done_app.worker.steps.position import PositionBoard
from done_app.worker.worker_app import monitor
from donebit.completion import fanout, leases
from donebit.completion.leases import Holder, Range
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.demo.ports import free_server_port
from donebit.queue import SLICES, Publisher, make_celery
from donebit.store import Store, keys
from donebit.store.lease_values import Renewal
from tests.completion.arranged import now, start
from tests.servers import RunningServer

OWN = Holder("message-1", identity.name, os.getpid())
ANOTHER = Holder("message-2", "host:2/bb", 22)
AT_ONCE, NEVER = timedelta(0), timedelta(hours=1)


@pytest.fixture
def task(real_store: Store) -> Task:
    task = start(real_store, 8, job="demo")
    fanout.fan_out(real_store, task, lambda *_: None)
    return now(real_store, task)


@pytest.fixture
def publisher(valkey: RunningServer) -> Publisher:
    return Publisher(make_celery(Settings(redis_url=valkey.url)))


@pytest.fixture
def refusing() -> Publisher:
    away = Settings(redis_url=f"redis://127.0.0.1:{free_server_port()}/0")
    return Publisher(make_celery(away, sends_only=True))


@pytest.fixture(autouse=True)
def board(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a worker, this process of which is at step 3 of the task."""
    board = PositionBoard()
    board.slot(0)[0] = 3
    message = Message(task.id, task.nonce, careful=False, holder=OWN)
    monkeypatch.setattr(worker_leases, "board", board)
    monkeypatch.setattr(worker_leases, "messages_in_progress", lambda: [message])
    monkeypatch.setattr(position, "SETTLED_AFTER", AT_ONCE)


def held(store: Store, task: Task) -> list[tuple[str, list[Range]]]:
    return [(one.state, one.ranges) for one in store.leases.of_task(task.id)]


def lapse(store: Store, task: Task) -> None:
    leases.take(store, task.id, task.nonce, ANOTHER, [(0, 8)])
    store.leases.renew_leases(task.id, [Renewal(ANOTHER, 3, AT_ONCE)], AT_ONCE, ending=False)


def test_steps_are_handed_over_once_the_broker_takes_them(
    real_store: Store,
    real_client: Redis,
    task: Task,
    publisher: Publisher,
    refusing: Publisher,
) -> None:
    leases.take(real_store, task.id, task.nonce, OWN, [(0, 8)])
    keeper = LeaseKeeper(real_store, refusing)
    keeper.end()
    keeper.tick_safely()
    assert held(real_store, task) == [("handing", [(0, 8)])]

    keeper.publisher = publisher
    for _ in range(2):
        keeper.tick_safely()

    assert real_client.llen(keys.of_broker(SLICES)) == 1
    assert held(real_store, task) == [("ending", [(3, 4)])]


def test_nothing_is_handed_over_before_the_worker_takes_no_more(
    real_store: Store,
    task: Task,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(position, "SETTLED_AFTER", NEVER)
    leases.take(real_store, task.id, task.nonce, OWN, [(0, 8)])
    keeper = LeaseKeeper(real_store, publisher)
    keeper.end()

    keeper.tick_safely()

    assert held(real_store, task) == [("stopping", [(0, 8)])]


def test_a_lease_that_ran_out_while_nobody_could_renew_it_is_not_trusted(
    real_store: Store, real_client: Redis, task: Task, publisher: Publisher
) -> None:
    lapse(real_store, task)
    keeper = LeaseKeeper(real_store, publisher)

    keeper.tick()  # its first, as the one after a pause of the server's

    assert real_client.llen(keys.of_broker(SLICES)) == 0
    keeper.trusted_from = time.monotonic()
    keeper.tick()
    assert real_client.llen(keys.of_broker(SLICES)) == 1
    assert held(real_store, task) == []


def test_a_lease_that_ran_out_while_the_worker_stood_still_is_not_trusted(
    real_store: Store, real_client: Redis, task: Task, publisher: Publisher
) -> None:
    lapse(real_store, task)
    keeper = LeaseKeeper(real_store, publisher)

    keeper.reclaim(
        time.monotonic() - TRUSTED_PAUSE.total_seconds()
    )  # since when it has waited for the server

    assert real_client.llen(keys.of_broker(SLICES)) == 0
    keeper.reclaim(time.monotonic())
    assert real_client.llen(keys.of_broker(SLICES)) == 1


def test_why_names_a_worker_as_the_list_of_workers_does(real_store: Store, task: Task) -> None:
    leases.take(real_store, task.id, task.nonce, worker_leases.own_holder("message-1"), [(0, 8)])

    (running,) = leases.running_steps(real_store, task.id)

    assert running.worker == monitor.worker_name
