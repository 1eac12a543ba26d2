"""A sweep sends nothing again while more messages wait than it would send: workers would never catch up."""

from __future__ import annotations

import pytest

from done_app.worker import celery_tasks, worker_app
from donebit import queue
from donebit.completion.sweeping import MAX_TASKS_PER_SWEEP
from donebit.config import Settings
from donebit.queue import Publisher, make_celery
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, start
from tests.completion.conftest import HandMovedClock, hand_moved_clock
from tests.servers import RunningServer

__all__ = ["hand_moved_clock"]


def test_open_tasks_are_not_sent_again_while_a_long_queue_waits(
    real_store: Store,
    valkey: RunningServer,
    hand_moved_clock: HandMovedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(redis_url=valkey.url)
    publisher = Publisher(make_celery(settings))
    monkeypatch.setattr(worker_app, "store", lambda: real_store)
    monkeypatch.setattr(worker_app, "settings", settings)
    monkeypatch.setattr(worker_app, "publisher", publisher)
    start(real_store, 8, job="demo")  # its steps are never sent
    for _ in range(MAX_TASKS_PER_SWEEP):
        publisher.announce("other")
    hand_moved_clock.forward(minutes=1)

    celery_tasks.check_open_tasks(TTLS)
    while_many_wait = waiting(real_store)
    valkey.client.ltrim(keys.of_broker(queue.CONTROL), 1, -1)
    celery_tasks.check_open_tasks(TTLS)

    assert while_many_wait == MAX_TASKS_PER_SWEEP
    assert waiting(real_store) == MAX_TASKS_PER_SWEEP  # one was taken, and its own was sent


def waiting(store: Store) -> int:
    return store.heartbeats.queue_lengths((queue.CONTROL,))[0]
