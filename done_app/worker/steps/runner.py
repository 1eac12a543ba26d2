"""Running a slice of a task's steps, and reporting what is finished, and what failed, while it runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from done_app.worker.steps.time_limit import StepTimedOut, time_limit
from donebit.completion.failing import Failure
from donebit.completion.lifecycle import Report
from donebit.completion.task import Task
from donebit.jobs.registry import Job

REPORT_EVERY = timedelta(milliseconds=100)
RANGES_A_REPORT = 500  # what quick steps apart from each other come to: 2 ms of the server at the most
# After this a slice goes to the tail of its queue: tasks share the workers, a crash repeats little, and
# 250 slices of a large task are through 8 processes in 10 seconds, not in 30 as with a second each.
WORK_FOR = timedelta(milliseconds=250)

# Celery and the system use these to end a process; all else that is raised is the step's failure.
ENDS_THE_PROCESS = (SystemExit, KeyboardInterrupt)

Range = tuple[int, int]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class StepRanges:
    """Steps, as half-open ranges in the order they came."""

    ranges: list[Range] = field(default_factory=list)

    def add(self, start: int, stop: int) -> None:
        if start == stop:
            return
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = (self.ranges[-1][0], stop)
        else:
            self.ranges.append((start, stop))

    @property
    def are_many(self) -> bool:
        """Whether one report should hold no more of them."""
        return len(self.ranges) >= RANGES_A_REPORT

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges)


class StepReporter(Protocol):
    """Where a runner reads what is missing, and reports what became of it."""

    def missing(self, start: int, stop: int) -> list[Range]: ...
    def finished(self, ranges: list[Range]) -> Report: ...
    def failed(self, step: int, error: str, *, count_attempt: bool, last: bool) -> Failure: ...
    def attempt(self, step: int) -> int: ...


@dataclass(slots=True)
class RunOutcome:
    """What one run came to."""

    report: Report | None = None  # the last one; None when nothing was finished
    done: StepRanges = field(default_factory=StepRanges)
    rest: list[Range] = field(default_factory=list)  # not come to in this run's time
    again: StepRanges = field(default_factory=StepRanges)  # failed, and to be tried again after a pause
    pause: timedelta = timedelta(0)
    ended: bool = False  # this run's last failure, or its last report, ended the task


@dataclass(slots=True)
class Runner:
    """Runs the missing steps of some ranges with the task's job.

    A careful one counts each attempt before it makes it, so that a step which kills its process is found;
    that costs two round trips a step, and is for ranges that a process has died in before.
    """

    task: Task
    job: Job
    desk: StepReporter
    careful: bool = False
    params: Mapping[str, Any] = field(init=False)  # as the function's signature has them
    finished: StepRanges = field(default_factory=StepRanges)
    outcome: RunOutcome = field(default_factory=RunOutcome)
    began: float = 0.0
    reported_at: float = 0.0

    def __post_init__(self) -> None:
        self.params = self.job.given(self.task.spec.params)

    def run(self, ranges: list[Range]) -> RunOutcome:
        """Work through the ranges for a while."""
        self.began = self.reported_at = time.monotonic()
        for start, stop in self.missing(ranges):
            step = start
            while step < stop:
                step = self.run_some(step, stop)
                if not self.goes_on(step, ranges):
                    return self.outcome
        self.report_finished()
        return self.outcome

    def missing(self, ranges: list[Range]) -> Iterator[Range]:
        for start, stop in ranges:
            yield from self.desk.missing(start, stop)

    def goes_on(self, step: int, ranges: list[Range]) -> bool:
        """Report when it is time to; whether to go on with what is missing from `step` on."""
        now = time.monotonic()
        if now - self.began >= WORK_FOR.total_seconds():
            self.report_finished()
            if not self.task_has_ended():
                self.outcome.rest = rest_after(step - 1, ranges)
            return False
        if now - self.reported_at >= REPORT_EVERY.total_seconds() or self.finished.are_many:
            self.report_finished()
            self.reported_at = now
            return not self.task_has_ended()
        return True

    def look_up_at(self) -> float:
        """The moment at which steps that go well are interrupted, to report or to end."""
        return min(self.reported_at + REPORT_EVERY.total_seconds(), self.began + WORK_FOR.total_seconds())

    def task_has_ended(self) -> bool:
        return self.outcome.report is not None and self.outcome.report.state != "running"

    def report_finished(self) -> None:
        if self.finished.ranges:
            self.outcome.report = self.desk.finished(self.finished.ranges)
            self.outcome.ended |= self.outcome.report.completed_task
            for start, stop in self.finished.ranges:
                self.outcome.done.add(start, stop)
            self.finished.ranges = []

    def run_some(self, start: int, stop: int) -> int:
        """Run steps of a range, one at least; the step to go on from."""
        if not self.careful and self.job.step_timeout is None:
            return self.run_freely(start, stop)
        self.run_step(start)
        return start + 1

    def run_freely(self, start: int, stop: int) -> int:
        """Run steps until it is time to look up, or one raises: for most, this loop is all that they cost."""
        function, params = self.job.function, self.params
        now, until = time.monotonic, self.look_up_at()
        step = start
        try:
            for step in range(start, stop):
                function(step, **params)
                if now() >= until:
                    break
        except ENDS_THE_PROCESS:
            raise
        except BaseException as error:
            self.finished.add(start, step)
            self.record_raised(step, error)
        else:
            self.finished.add(start, step + 1)
        return step + 1

    def run_step(self, step: int) -> None:
        """Run one step; whatever it raises is its failure, and its neighbours go on."""
        if self.careful and not self.may_try(step):
            return
        try:
            with time_limit(self.job.step_timeout):
                self.job.function(step, **self.params)
        except ENDS_THE_PROCESS:
            raise
        except StepTimedOut as error:
            self.record_failure(step, str(error), counted=self.careful)
        except BaseException as error:
            self.record_raised(step, error)
        else:
            self.finished.add(step, step + 1)

    def may_try(self, step: int) -> bool:
        """Count the attempt ahead; give a step up that has used all of them without a word.

        What is finished is reported first: it must not have to be done again should this step be deadly.
        """
        self.report_finished()
        if self.desk.attempt(step) <= self.job.retry_policy.max_attempts:
            return True
        self.record_failure(step, self.how_it_died(), counted=True, last=True)
        return False

    def how_it_died(self) -> str:
        if self.job.step_timeout is None:
            return "its process died at every attempt"
        limit = self.job.step_timeout.total_seconds()
        return f"its process died at every attempt, or was ended: it heeded no step_timeout of {limit:g} s"

    def record_raised(self, step: int, error: BaseException) -> None:
        log.error("step %d of task %s raised", step, self.task.id, exc_info=error)
        self.record_failure(step, named(error), counted=self.careful)

    def record_failure(self, step: int, error: str, *, counted: bool, last: bool = False) -> None:
        failure = self.desk.failed(step, error, count_attempt=not counted, last=last)
        self.outcome.ended |= failure.completed_task
        if failure.gave_up:
            log.error(
                "step %d of task %s has given up after %d attempts: %s",
                step,
                self.task.id,
                failure.attempts,
                error,
            )
        elif failure.attempts:
            self.outcome.again.add(step, step + 1)
            self.outcome.pause = max(self.outcome.pause, failure.pause)


def named(error: BaseException) -> str:
    """What it is and says; some cannot even say it."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}, whose text cannot be had"


def rest_after(step: int, ranges: list[Range]) -> list[Range]:
    """What of the ranges lies behind a step of theirs. They need not be in ascending order."""
    at = next(i for i, (start, stop) in enumerate(ranges) if start <= step < stop)
    rest = [(step + 1, ranges[at][1]), *ranges[at + 1 :]]
    return [(start, stop) for start, stop in rest if start < stop]


def describe(done: StepRanges, report: Report, task: Task) -> str:
    """One line for whoever watches the log."""
    progress = f"({report.done_steps}/{report.count})"
    first, last = done.ranges[0][0], done.ranges[-1][1] - 1
    if first == last:
        return f"step {first} of task {task.id} is done {progress}"
    steps = "steps" if len(done) == last - first + 1 else f"{len(done)} of the steps"
    return f"{steps} {first}-{last} of task {task.id} are done {progress}"
