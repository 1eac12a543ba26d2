"""10,000 no-op steps as a Donebit task and as a Celery chord: time and memory, 8 processes each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import chord, exceptions
from redis import Redis

from benchmarks.chord_worker import app, finish, ping, step
from benchmarks.figures import Figure, compared
from benchmarks.own_stack import own_stack
from shared.config import Settings

STEPS = 10_000
SAMPLE_EVERY_SECONDS = 0.005
PATIENCE_SECONDS = 60


def measure() -> list[Figure]:
    """One after the other on one server; the chord is published here, the task by Donebit's worker."""
    with own_stack() as stack:
        client = Redis.from_url(stack.redis)
        stack.run_task(STEPS, sleep_ms=0)  # both are warm when they are measured
        task_seconds, task_bytes = watched(client, lambda: stack.run_task(STEPS, sleep_ms=0))
        with chord_worker(f"{stack.redis}/1"):
            chord_seconds, chord_bytes = watched(client, run_chord)
    return [
        compared("10,000 no-op steps done", task_seconds, "Celery chord", chord_seconds),
        compared(
            "Redis memory a step, at the peak",
            task_bytes / STEPS,
            "Celery chord",
            chord_bytes / STEPS,
            write=lambda size: f"{size:.4g} B",
        ),
    ]


@contextmanager
def chord_worker(url: str) -> Iterator[None]:
    """A worker with Celery's own settings and as many processes as Donebit's."""
    app.conf.update(broker_url=url, result_backend=url)
    command = [sys.executable, "-m", "celery", "--broker", url, "--result-backend", url]
    options = ["--app", "benchmarks.chord_worker", "--quiet", "worker", "--loglevel", "error"]
    options += ["--concurrency", str(Settings.model_fields["worker_processes"].default)]
    nothing = subprocess.DEVNULL
    worker = subprocess.Popen([*command, *options], stdout=nothing, stderr=nothing, start_new_session=True)
    try:
        ping.delay().get(timeout=30)
        yield
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # with its pool: asked politely, it ends its messages first
        worker.wait()


def run_chord() -> None:
    """To its callback, or to the end of all patience: one of five did not come back on a busy machine."""
    result = chord(step.s(number) for number in range(STEPS))(finish.s())
    try:
        answered = result.get(timeout=PATIENCE_SECONDS)
    except exceptions.TimeoutError:
        print(f"the chord was given up after {PATIENCE_SECONDS} s: it never came back", file=sys.stderr)
        return
    if answered != STEPS:
        raise RuntimeError(f"the chord ended with {answered} results")


def watched(client: Redis, run: Callable[[], object]) -> tuple[float, float]:
    """(seconds, bytes that the server's data grew by at the most) of a run."""
    before = peak = dataset(client)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(SAMPLE_EVERY_SECONDS):
            peak = max(peak, dataset(client))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        run()
        return time.perf_counter() - began, peak - before
    finally:
        ended.set()
        watcher.join()


def dataset(client: Redis) -> int:
    """Bytes of keys and values, without the buffers of connections and of the append-only file."""
    return int(client.info("memory")["used_memory_dataset"])
