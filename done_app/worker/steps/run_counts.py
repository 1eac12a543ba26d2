"""What a message with steps came to in numbers, as a process sends it to the worker's main process."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import NamedTuple

from donebit.completion.measures import FAILURES, QUEUE_TIMES, RETRIES, STEP_TIMES, STEPS, Tally


class RunCounts(NamedTuple):
    """The numbers of one run. The main process makes the figures for /metrics of them.

    Attributes:
        job: its name
        done: how many steps it finished
        retried: how many failed, and are tried again
        gave_up: how many failed for good
        times: how many of the finished ones are in each bucket of STEP_TIMES
        seconds: of all of them together
        waited: how long the message was in its queue, in seconds; None where that is not known
    """

    job: str | None
    done: int = 0
    retried: int = 0
    gave_up: int = 0
    times: Sequence[int] = ()
    seconds: float = 0.0
    waited: float | None = None


class RunTotals:
    """The numbers of many runs of one job, added up at next to no cost for each of them."""

    def __init__(self, job: str | None) -> None:
        self._job = job
        self._done = self._retried = self._gave_up = 0
        self._times = [0] * (len(STEP_TIMES.bounds_seconds) + 1)
        self._waits = [0] * (len(QUEUE_TIMES.bounds_seconds) + 1)
        self._seconds = self._waited = 0.0

    def add(self, run: RunCounts) -> None:
        """Add a run of this job."""
        self._done += run.done
        self._retried += run.retried
        self._gave_up += run.gave_up
        self._seconds += run.seconds
        for bucket, steps in enumerate(run.times):
            if steps:
                self._times[bucket] += steps
        if run.waited is not None:
            self._waits[bisect.bisect_left(QUEUE_TIMES.bounds_seconds, run.waited)] += 1
            self._waited += run.waited

    def add_to(self, tally: Tally) -> None:
        """Add the figures to those that are counted for /metrics."""
        tally.count(STEPS, self._job, amount=self._done)
        tally.count(RETRIES, self._job, amount=self._retried)
        tally.count(FAILURES, self._job, amount=self._gave_up)
        tally.observe_sorted(STEP_TIMES, self._job, self._times, self._seconds)
        tally.observe_sorted(QUEUE_TIMES, self._job, self._waits, self._waited)
