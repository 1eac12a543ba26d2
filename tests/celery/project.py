"""A Celery application as a user may have it; what it runs on comes from the environment.

Where DIE is set, that share of the pool's processes that end a chord is killed before they call the body:
before the results are gathered, and just before the body's message is sent.

Its tasks are of no other application: the tests import it again and again.
"""

from __future__ import annotations

import os
import random
import signal
from typing import Any

from billiard.process import current_process
from celery import Celery, Task
from redis import Redis

from donebit.celery import calling

URL = os.environ["TEST_REDIS"]
DIE = float(os.environ.get("DIE", "0"))

app = Celery("project", broker=URL, backend=os.environ.get("TEST_BACKEND", f"donebit+{URL}"))
app.conf.update(
    task_acks_late=os.environ.get("ACKS_LATE") == "1",
    task_reject_on_worker_lost=os.environ.get("ACKS_LATE") == "1",
    worker_prefetch_multiplier=1,
    # A lease is as long as publishing may take: that of a process that died is over soon.
    broker_connection_timeout=0.5,
    task_publish_retry=False,
    task_store_errors_even_if_ignored=True,
)


@app.task(shared=False)
def add(x: int, y: int) -> int:
    return x + y


@app.task(shared=False)
def same(value: Any) -> Any:
    return value


@app.task(shared=False, ignore_result=True)
def lean(value: Any) -> Any:
    return value


@app.task(shared=False)
def fail(value: Any) -> None:
    raise ValueError(value)


@app.task(shared=False, bind=True)
def grow(self: Task[..., Any], value: int) -> int:
    self.add_to_chord(same.s(value * 10))
    return value


@app.task(shared=False)
def note_error(request: Any, error: object, _: object) -> None:
    _redis().rpush("errors", f"{type(error).__name__} {request.id}")


@app.task(shared=False, bind=True)
def twice(self: Task[..., Any], value: int, *, again: bool = False) -> int:
    """Deliver its own message once more in one of four cases."""
    if value % 4 == 0 and not again:
        self.signature_from_request(self.request, (value,), {"again": True}).apply_async()
    return value


@app.task(shared=False, bind=True)
def note(self: Task[..., Any], results: list[int], number: int) -> None:
    """Write down that the body of chord `number` has run, under which id, and with what."""
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    _redis().rpush(f"ran:{number}", f"{self.request.id} {int(redelivered)} {results}")


def _redis() -> Redis:
    return Redis.from_url(URL)


def _die_sometimes() -> None:
    if "PoolWorker" in current_process().name and random.random() < DIE:
        os.kill(os.getpid(), signal.SIGKILL)


def _dying_before(function: Any) -> Any:
    def dying(*args: Any) -> Any:
        _die_sometimes()
        return function(*args)

    return dying


def _dying_after(function: Any) -> Any:
    def dying(*args: Any) -> Any:
        found = function(*args)
        _die_sometimes()
        return found

    return dying


MOMENTS = os.environ.get("DIE_AT", "gathering publishing").split()
if "gathering" in MOMENTS:
    calling._gathered = _dying_before(calling._gathered)
if "publishing" in MOMENTS:
    calling._publish = _dying_before(calling._publish)
if "published" in MOMENTS:
    calling._publish = _dying_after(calling._publish)
