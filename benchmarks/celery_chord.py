"""A Celery chord with Celery's own settings, as quick as it lets itself be: what Donebit is held against."""

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
PATIENCE_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.05

Results = list[AsyncResult[Any]]


@contextmanager
def chord_worker(url: str) -> Iterator[Celery]:
    """A worker with Celery's own settings and as many processes as Donebit's; what calls chords there."""
    app = Celery("chord", broker=url, backend=url, set_as_current=False)
    command = [sys.executable, "-m", "celery", "--broker", url, "--result-backend", url]
    options = ["--app", "benchmarks.chord_worker", "--quiet", "worker", "--loglevel", "error"]
    options += ["--concurrency", str(Settings.model_fields["worker_processes"].default)]
    nothing = subprocess.DEVNULL
    worker = subprocess.Popen([*command, *options], stdout=nothing, stderr=nothing, start_new_session=True)
    try:
        app.send_task(ping.name).get(timeout=30)
        yield app
    finally:
        # Results that are forgotten later would unsubscribe, from a server that is gone.
        cast(Any, app.backend).result_consumer.subscribed_to.clear()
        os.killpg(worker.pid, signal.SIGKILL)  # with its pool: asked politely, it ends its messages first
        worker.wait()


def run_chord(app: Celery, steps: int) -> float:
    """Seconds from the call to the end of its callback.

    The callback's result is looked for and not awaited by get(): that takes in the results of all steps
    first, and gives its core away after each, which on a busy machine takes longer than the chord does.
    """
    began = time.perf_counter()
    header = [app.signature(step.name, (number,)) for number in range(steps)]
    result = chord(header, app=app)(app.signature(finish.name))
    wait_until(
        lambda: result.backend.get_task_meta(result.id)["status"] == "SUCCESS",
        PATIENCE_SECONDS,
        every_seconds=LOOK_EVERY_SECONDS,
    )
    taken = time.perf_counter() - began
    answered = result.backend.get_task_meta(result.id)["result"]
    if answered != steps:
        raise RuntimeError(f"the chord ended with {answered} results")
    return taken


def hold_chord(app: Celery, client: Redis, steps: int, held: Collection[int]) -> Results:
    """The results of a chord that has run as far as it goes while some of its steps do not end."""
    names = [held_step.name if number in held else step.name for number in range(steps)]
    header = [app.signature(name, (number,)) for number, name in enumerate(names)]
    result = chord(header, app=app)(app.signature(finish.name))
    done = steps - len(held)
    wait_until(lambda: results(client) >= done, PATIENCE_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
    return cast(GroupResult, result.parent).results or []


def results(client: Redis) -> int:
    """How many steps of the one chord on this server have come back."""
    return sum(client.zcard(name) for name in client.scan_iter("celery-taskset-meta-*.j", count=10_000))


def afresh(results: Results) -> Results:
    """The same as seen for the first time: a result that has once been read as ready remembers it."""
    return [AsyncResult(one.id, app=one.app) for one in results]


def state_bytes(client: Redis) -> int:
    """What the results and the counting of chords take; the broker's messages are no part of it."""
    return sum(memory_of(client, list(client.scan_iter("celery-task*", count=10_000))))


def memory_of(client: Redis, names: Collection[bytes]) -> list[int]:
    """Bytes of each key, all of its elements counted."""
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.memory_usage(name, samples=0)
        return [size or 0 for size in pipe.execute()]
