"""Runs a Celery chord with Celery's default settings, for comparison with Donebit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, cast

from celery import Celery, chord
from celery.result import AsyncResult, GroupResult
from redis import Redis

from benchmarks.chord_worker import finish, held_step, ping, step
from benchmarks.waiting import wait_until
from donebit.config import Settings

PEER = "Celery chord"
TIMEOUT_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.05

Results = list[AsyncResult[Any]]


@contextmanager
def chord_worker(url: str, scheme: str = "") -> Iterator[Celery]:
    """Start a worker with Celery's default settings and as many processes as Donebit's; gives the app.

    Args:
        scheme: what stands before the address of the result backend: `donebit+` or nothing
    """
    app = Celery("chord", broker=url, backend=f"{scheme}{url}", set_as_current=False)
    command = [sys.executable, "-m", "celery", "--broker", url, "--result-backend", f"{scheme}{url}"]
    options = ["--app", "benchmarks.chord_worker", "--quiet", "worker", "--loglevel", "error"]
    options += ["--concurrency", str(Settings.model_fields["worker_processes"].default)]
    nothing = subprocess.DEVNULL
    worker = subprocess.Popen([*command, *options], stdout=nothing, stderr=nothing, start_new_session=True)
    try:
        app.send_task(ping.name).get(timeout=30)
        yield app
    finally:
        # Results that are garbage collected later would unsubscribe from a server that is gone.
        cast(Any, app.backend).result_consumer.subscribed_to.clear()
        os.killpg(worker.pid, signal.SIGKILL)  # with its pool: asked politely, it ends its messages first
        worker.wait()


def run_chord(app: Celery, steps: int) -> float:
    """Run a chord, and return the seconds from the call to the end of its callback.

    The callback's result is polled instead of awaited by get(), which first reads the results of all steps
    and sleeps after each; on a busy machine that takes longer than the chord.
    """
    began = time.perf_counter()
    header = [app.signature(step.name, (number,)) for number in range(steps)]
    result = chord(header, app=app)(app.signature(finish.name))
    wait_until(
        lambda: result.backend.get_task_meta(result.id)["status"] == "SUCCESS",
        TIMEOUT_SECONDS,
        every_seconds=LOOK_EVERY_SECONDS,
    )
    taken = time.perf_counter() - began
    answered = result.backend.get_task_meta(result.id)["result"]
    if answered != steps:
        raise RuntimeError(f"the chord ended with {answered} results")
    return taken


def hold_chord(app: Celery, client: Redis, steps: int, held: Collection[int]) -> Results:
    """Run a chord until only the steps that do not end are left, and give its results."""
    names = [held_step.name if number in held else step.name for number in range(steps)]
    header = [app.signature(name, (number,)) for number, name in enumerate(names)]
    result = chord(header, app=app)(app.signature(finish.name))
    done = steps - len(held)
    wait_until(lambda: results(client) >= done, TIMEOUT_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
    return cast(GroupResult, result.parent).results or []


def results(client: Redis) -> int:
    """Return how many steps of the only chord on this server have finished."""
    return sum(client.zcard(name) for name in client.scan_iter("celery-taskset-meta-*.j", count=10_000))


def afresh(results: Results) -> Results:
    """Return new result objects: one that was read as ready once remembers it."""
    return [AsyncResult(one.id, app=one.app) for one in results]


def state_bytes(client: Redis) -> int:
    """Return the bytes of the chord's results and counters, without the broker's messages."""
    return sum(memory_of(client, list(client.scan_iter("celery-task*", count=10_000))))


def memory_of(client: Redis, names: Collection[bytes]) -> list[int]:
    """Return the bytes of the keys, with all of their elements."""
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.memory_usage(name, samples=0)
        return [size or 0 for size in pipe.execute()]
