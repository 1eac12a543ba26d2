"""10,000 no-op steps as a Donebit task and as a Celery chord, 8 processes each: time and memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

from celery import Celery
from redis import Redis

from benchmarks.celery_chord import PEER, chord_worker, run_chord
from benchmarks.figures import Figure, compared, size
from benchmarks.own_stack import Stack, own_stack

STEPS = 10_000
WARM_UP = 1000
RUNS, CHORD_RUNS = 7, 2
SAMPLE_EVERY_SECONDS = 0.05


def measure() -> list[Figure]:
    """Measure the quickest runs of both on one server, with equally many processes, the other one idle."""
    with own_stack() as stack, Redis.from_url(stack.redis) as client:
        by_default, by_hundreds, task_bytes = run_tasks(stack, client)
        with chord_worker(f"{stack.redis}/1") as app:
            taken, chord_bytes = run_chords(app, client)
    return [
        compared("10,000 no-op steps announced", by_default, PEER, taken, at_most=1 / 30),
        compared("the same in messages of 100 steps", by_hundreds, PEER, taken, at_most=1 / 70),
        compared(
            "all that the server holds at the peak of 10,000, a step",
            task_bytes / STEPS,
            PEER,
            chord_bytes / STEPS,
            write=size,
        ),
    ]


def run_tasks(stack: Stack, client: Redis) -> tuple[float, float, float]:
    """Return the least seconds, the least seconds with messages of 100 steps, and the most bytes."""
    stack.run_no_op_steps(STEPS)  # warm up
    runs = [watched(client, lambda: stack.run_no_op_steps(STEPS)) for _ in range(RUNS)]
    hundreds = [stack.run_no_op_steps(STEPS, batch=100) for _ in range(RUNS)]
    return min(seconds for seconds, _ in runs), min(hundreds), max(grown for _, grown in runs)


def run_chords(app: Celery, client: Redis) -> tuple[float, float]:
    """Return the least seconds and the most bytes."""
    run_chord(app, WARM_UP)
    runs = [watched(client, lambda: run_chord(app, STEPS)) for _ in range(CHORD_RUNS)]
    return min(seconds for seconds, _ in runs), max(grown for _, grown in runs)


def watched(client: Redis, run: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds of a run, and by how many bytes the server's data grew at most."""
    before = peak = dataset(client)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(SAMPLE_EVERY_SECONDS):
            peak = max(peak, dataset(client))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return run(), peak - before
    finally:
        ended.set()
        watcher.join()


def dataset(client: Redis) -> int:
    """Return the bytes of keys and values, without the buffers of connections and of the append-only file."""
    return int(client.info("memory")["used_memory_dataset"])
