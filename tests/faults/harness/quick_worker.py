"""The worker as it is, with less patience: it looks after tasks several times a second.

Files in the folder it works in make it misbehave: with one named `twice` it sends every message twice;
one named `last` says after how many more messages the sender dies, alone or with its whole worker; one named
`ahead` says by how many seconds the clock of a worker that starts is ahead.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from done_app.worker import celery_tasks, signals, worker_app  # noqa: F401 - which connects its handlers
from done_app.worker.deliveries import webhooks
from donebit import queue
from donebit.completion import announcing, deliveries, delivery, fanout, lifecycle, sweeping

SWEEP_EVERY = timedelta(milliseconds=300)
TWICE, LAST, AHEAD = Path("twice"), Path("last"), Path("ahead")

announcing.ANNOUNCE_LEASE = fanout.LEASE = timedelta(seconds=1)
lifecycle.FIRST_CHECK_AFTER = sweeping.CHECK_EVERY = timedelta(milliseconds=500)
sweeping.SWEEPS_APART = timedelta(milliseconds=100)
deliveries.LEASE, delivery.FIRST_PAUSE = timedelta(seconds=2), timedelta(milliseconds=200)
webhooks.READ_TIMEOUT_SECONDS = 0.5

_right_ns = time.time_ns
_ahead_ns = int(AHEAD.read_text()) * 1_000_000_000 if AHEAD.exists() else 0
time.time_ns = lambda: _right_ns() + _ahead_ns  # what donebit.clock asks

app = worker_app.app
app.conf.beat_schedule["sweep"] = {
    "task": queue.SWEEP,
    "schedule": SWEEP_EVERY,
    "options": {"queue": queue.CONTROL},
}

_send_once = app.send_task


def _send(*args: Any, **kwargs: Any) -> None:
    if LAST.exists():
        _come_nearer_to_the_last()
    for _ in range(2 if TWICE.exists() else 1):
        _send_once(*args, **kwargs)


def _come_nearer_to_the_last() -> None:
    left, who = LAST.read_text().split()
    if int(left) > 0:
        LAST.write_text(f"{int(left) - 1} {who}")
        return
    LAST.unlink()
    os.kill(0 if who == "all" else os.getpid(), signal.SIGKILL)


app.send_task = _send  # type: ignore[method-assign, assignment]  # all that sends goes through it
