"""What a run of a slice comes to: which steps are done, failed or left, and how they are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from donebit.completion.failing import Failure
from donebit.completion.reporting import Report
from donebit.completion.task import Task

MAX_RANGES_PER_REPORT = 500  # from quick steps that are not adjacent: at most 2 ms of the server

Range = tuple[int, int]


@dataclass(slots=True)
class StepRanges:
    """Steps as half-open ranges, in the order they were added."""

    ranges: list[Range] = field(default_factory=list)

    def add(self, start: int, stop: int) -> None:
        if start == stop:
            return
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = (self.ranges[-1][0], stop)
        else:
            self.ranges.append((start, stop))

    @property
    def is_full(self) -> bool:
        """Whether one report should hold no more ranges."""
        return len(self.ranges) >= MAX_RANGES_PER_REPORT

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges)


class StepReporter(Protocol):
    """How a runner reads which steps are missing and reports their results."""

    def missing(self, start: int, stop: int) -> list[Range]: ...
    def finished(self, ranges: list[Range], values: Sequence[str] = ()) -> Report: ...
    def failed(self, step: int, error: str, *, count_attempt: bool, last: bool) -> Failure: ...
    def attempt(self, step: int) -> int: ...


@dataclass(slots=True)
class RunOutcome:
    """The result of one run."""

    report: Report | None = None  # the last one; None when nothing was finished
    done: StepRanges = field(default_factory=StepRanges)
    remaining: list[Range] = field(default_factory=list)  # not reached in this run's time
    to_retry: StepRanges = field(default_factory=StepRanges)  # failed, to be tried again after the pause
    retry_pause: timedelta = timedelta(0)
    ended: bool = False  # this run's last failure, or its last report, ended the task


def ranges_after(step: int, ranges: list[Range]) -> list[Range]:
    """The part of the ranges that follows a step in them. They need not be in ascending order."""
    at = next(i for i, (start, stop) in enumerate(ranges) if start <= step < stop)
    rest = [(step + 1, ranges[at][1]), *ranges[at + 1 :]]
    return [(start, stop) for start, stop in rest if start < stop]


def describe(done: StepRanges, report: Report, task: Task) -> str:
    """A log line that says which steps are done and how far the task is."""
    progress = f"({report.done_steps}/{report.count})"
    first, last = done.ranges[0][0], done.ranges[-1][1] - 1
    if first == last:
        return f"step {first} of task {task.id} is done {progress}"
    steps = "steps" if len(done) == last - first + 1 else f"{len(done)} of the steps"
    return f"{steps} {first}-{last} of task {task.id} are done {progress}"
