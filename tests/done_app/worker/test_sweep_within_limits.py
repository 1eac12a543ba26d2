"""The sweep of a real worker holds the tasks of schedules to MAX_OPEN_TASKS."""

from __future__ import annotations

import pytest

from done_app.worker import celery_tasks, worker_app
from donebit.config import Settings
from donebit.queue import Publisher, make_celery
from donebit.schedules import changes
from donebit.store import Store
from tests.completion.arranged import start
from tests.completion.conftest import HandMovedClock, hand_moved_clock
from tests.schedules.arranged import BEGIN, create
from tests.servers import RunningServer

__all__ = ["hand_moved_clock"]


def test_a_schedule_starts_no_task_beyond_the_limit(
    real_store: Store,
    valkey: RunningServer,
    hand_moved_clock: HandMovedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(redis_url=valkey.url, max_open_tasks=2)
    monkeypatch.setattr(worker_app, "store", lambda: real_store)
    monkeypatch.setattr(worker_app, "settings", settings)
    monkeypatch.setattr(worker_app, "publisher", Publisher(make_celery(settings)))
    hand_moved_clock.moment = BEGIN
    start(real_store, 8)
    for name in ("first", "second"):
        create(real_store, name)
    hand_moved_clock.forward(minutes=5)

    celery_tasks.sweep.run()

    assert sorted(changes.get(real_store, name).started for name in ("first", "second")) == [0, 1]
