"""A job of the benchmarks, which the workers load by JOBS."""

from __future__ import annotations

import time

from donebit import job

JOBS = __name__


@job("short")
def short(step: int, *, sleep_us: int) -> None:
    """Sleep so long; the machine adds about 60 us."""
    del step
    time.sleep(sleep_us / 1e6)
