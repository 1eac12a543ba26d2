"""Workers and their lines, as a worker keeps them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from done_app.worker.monitor.emitter import encode_line
from donebit import clock
from donebit.store import Store
from donebit.workers.presence import ProcessActivity, Worker

WORKER = "here:7"


def say(
    store: Store, *texts: str, task_id: str = "", step: int | None = None, level: int = logging.INFO
) -> None:
    """Lines of one worker, at one time."""
    at = clock.now().timestamp()
    keep(store, [encode_line(level, text, at, WORKER, task_id, step) for text in texts])


def keep(store: Store, lines: Sequence[bytes]) -> None:
    store.workers.keep(WORKER, lines=lines)


def a_worker(
    name: str = WORKER,
    *,
    seen: timedelta = timedelta(0),
    since: timedelta = timedelta(hours=1),
    at: Sequence[ProcessActivity] = (),
) -> Worker:
    """A worker that started so long ago, and was last seen so long ago."""
    host, _, pid = name.partition(":")
    now: datetime = clock.now()
    queues = ["donebit.control", "donebit.steps"]
    return Worker(name, host, int(pid), 8, queues, now - since, now - seen, at)


def shows(store: Store, worker: Worker) -> None:
    store.workers.keep(worker.name, how=worker.to_json())


def texts(kept: Sequence[bytes]) -> list[str]:
    return [json.loads(text)["text"] for text in kept]
