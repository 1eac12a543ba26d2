"""What a message with steps came to in numbers, as a process sends it to the worker's main process."""

from __future__ import annotations

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

    def add_to(self, tally: Tally) -> None:
        """Add the figures to those that are counted for /metrics."""
        tally.count(STEPS, self.job, amount=self.done)
        tally.count(RETRIES, self.job, amount=self.retried)
        tally.count(FAILURES, self.job, amount=self.gave_up)
        if self.times:
            tally.observe_sorted(STEP_TIMES, self.job, self.times, self.seconds)
        if self.waited is not None:
            tally.observe(QUEUE_TIMES, self.job, self.waited)
