"""Tasks over HTTP, through Celery and back: how soon the answer comes, and how soon they are done."""

from __future__ import annotations

from statistics import median

from benchmarks.figures import Figure, bounded, duration
from benchmarks.own_stack import Stack, own_stack

RUNS = 5
LARGE, SMALL = 100_000, 10
ANSWERED, DONE, DONE_BESIDE = 0.1, 3.0, 5.0


def measure() -> list[Figure]:
    """Medians, and of the longest also the least: anything else on the machine only adds to it."""
    with own_stack() as stack:
        runs = [stack.run_task(LARGE, sleep_ms=0) for _ in range(RUNS)]
        alone = [stack.run_task(SMALL, sleep_ms=100)[1] for _ in range(RUNS)]
        beside = run_beside(stack)
    answered, done = ([run[part] for run in runs] for part in (0, 1))
    return [
        bounded("POST of 100,000 no-op steps answered, median", median(answered), at_most=ANSWERED),
        Figure("the same, the slowest", duration(max(answered))),
        bounded("100,000 no-op steps done, median", median(done), at_most=DONE),
        bounded("the same, the quickest", min(done), at_most=DONE),
        bounded("10 steps of up to 100 ms, alone", median(alone), at_most=DONE_BESIDE),
        bounded("10 of them beside a running 100,000", median(beside), at_most=DONE_BESIDE),
    ]


def run_beside(stack: Stack) -> list[float]:
    """Seconds of small tasks while a large one with sleeping steps holds every process."""
    large, _ = stack.start_task(LARGE, sleep_ms=100)
    taken = [stack.run_task(SMALL, sleep_ms=100)[1] for _ in range(RUNS)]
    if stack.look(large)["state"] != "running":
        raise RuntimeError("the large task ended before the small ones did")
    stack.cancel(large)
    return taken
