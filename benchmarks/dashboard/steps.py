"""A job of the benchmarks' own, which the workers of its stack are told of by JOBS."""

from __future__ import annotations

import time

from donebit import job

JOBS = __name__


@job("short")
def short(step: int, *, sleep_us: int) -> None:
    """A step that takes so long and a little more, for the machine wakes nobody sooner: some 60 us."""
    del step
    time.sleep(sleep_us / 1e6)
