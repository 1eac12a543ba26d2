"""What a run of a slice comes to: which steps are done, failed or left, and how they are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from done_app.worker.steps.run_counts import RunCounts
from done_app.worker.steps.step_ranges import Range, StepRanges
from done_app.worker.steps.step_times import StepTimes
from donebit.completion.failing import Failure
from donebit.completion.reporting import Report


class StepReporter(Protocol):
    """How a runner reads which steps are missing and reports their results."""

    def missing(self, start: int, stop: int) -> list[Range]: ...
    def is_paused(self) -> bool: ...
    def finished(
        self, ranges: list[Range], values: Sequence[str] = (), *, releasing: bool = False
    ) -> Report: ...
    def failed(
        self, step: int, error: str, *, count_attempt: bool, last: bool, traceback: str = ""
    ) -> Failure: ...
    def attempt(self, step: int) -> int: ...


@dataclass(slots=True)
class RunOutcome:
    """The result of one run."""

    report: Report | None = None  # the last one; None when nothing was finished
    done: StepRanges = field(default_factory=StepRanges)
    remaining: list[Range] = field(default_factory=list)  # not reached in this run's time
    to_retry: StepRanges = field(default_factory=StepRanges)  # failed, to be tried again after the pause
    retry_pause: timedelta = timedelta(0)
    unfit: StepRanges = field(default_factory=StepRanges)  # whose items this worker cannot read
    why_unfit: str = ""  # of the last of them
    gave_up: int = 0  # how many steps failed for good
    times: StepTimes = field(default_factory=StepTimes)  # of those that were done
    ended: bool = False  # this run's last failure, or its last report, ended the task
    released: bool = False  # the lease was given up with the last report

    def add_failure(self, step: int, failure: Failure) -> None:
        """Add a failed attempt of a step, which is to be tried again or has given up."""
        self.ended |= failure.completed_task
        if failure.gave_up:
            self.gave_up += 1
        elif failure.attempts:
            self.to_retry.add(step, step + 1)
            self.retry_pause = max(self.retry_pause, failure.pause)

    def add_unfit(self, step: int, why: str) -> None:
        """Add a step whose item this worker cannot read: another one may."""
        self.unfit.add(step, step + 1)
        self.why_unfit = why

    @property
    def leaves_steps(self) -> bool:
        """Whether there are steps to be sent in messages."""
        return bool(self.remaining or self.to_retry.ranges or self.unfit.ranges)

    def counts(self, job: str | None, waited: float | None) -> RunCounts:
        """What came of the run in numbers.

        Args:
            waited: how long its message was in the queue, in seconds; None where that is not known.
        """
        done, retried = len(self.done), len(self.to_retry)
        return RunCounts(job, done, retried, self.gave_up, self.times.buckets, self.times.seconds, waited)


def ranges_after(step: int, ranges: list[Range]) -> list[Range]:
    """The part of the ranges that follows a step in them. They need not be in ascending order."""
    at = next(i for i, (start, stop) in enumerate(ranges) if start <= step < stop)
    rest = [(step + 1, ranges[at][1]), *ranges[at + 1 :]]
    return [(start, stop) for start, stop in rest if start < stop]
