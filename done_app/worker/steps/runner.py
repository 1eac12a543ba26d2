"""Runs a slice of a task's steps and reports finished and failed ones while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableSequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from done_app.worker.children import forks_ended
from done_app.worker.steps.failed_attempts import FailedAttempts, death_error
from done_app.worker.steps.items import TypedItems, UnfitItem
from done_app.worker.steps.outcome import RunOutcome, StepReporter, ranges_after
from done_app.worker.steps.params import StepParams
from done_app.worker.steps.position import PositionBoard
from done_app.worker.steps.raised import describe_error, raise_if_ending
from done_app.worker.steps.step_ranges import Range, StepRanges
from done_app.worker.steps.step_times import QUICK_SECONDS
from done_app.worker.steps.time_limit import StepTimedOut, time_limit
from donebit import logs
from donebit.completion.results import ResultsFull, encode
from donebit.completion.task import Task
from donebit.jobs.registry import Job
from donebit.jobs.unawaited import refuse_unawaited
from donebit.results import Results

REPORT_EVERY = timedelta(milliseconds=100)
MAX_VALUE_BYTES_PER_REPORT = 256 * 1024  # of results
# After this the rest of a slice goes to the tail of its queue: tasks share the workers, a crash repeats
# little, and 8 processes get through 250 slices of a large task in 10 seconds, not 30 as with a second each.
MAX_RUN_TIME = timedelta(milliseconds=250)


@dataclass(slots=True)
class Runner:
    """Runs the missing steps of some ranges with the task's job.

    A careful runner counts each attempt before it makes it, so that a step that kills its process is found.
    That costs two round trips per step, and is for ranges in which a process has died before.
    """

    task: Task
    job: Job
    reporter: StepReporter
    careful: bool = False
    position: MutableSequence[int] = field(default_factory=lambda: [0])  # the step it is at, for its worker
    board: PositionBoard | None = None  # says whether the worker is ending
    max_result_bytes: int = 64 * 1024  # of one step
    results: Results[Any] = field(default_factory=Results)  # of the task before it, for a job that takes them
    items: TypedItems | None = None  # of a job that takes them
    params: StepParams = field(init=False)
    finished: StepRanges = field(default_factory=StepRanges)
    values: list[str] = field(default_factory=list)  # the results of the finished steps, in their order
    value_bytes: int = 0
    outcome: RunOutcome = field(default_factory=RunOutcome)
    failures: FailedAttempts = field(init=False)
    last_step: int = 0  # that was begun; `position` is shared with processes that steps fork
    started_at: float = 0.0
    reported_at: float = 0.0

    def __post_init__(self) -> None:
        self.failures = FailedAttempts(self.task, self.job, self.reporter, self.outcome)
        self.params = StepParams.of(self.job, self.task, self.results)

    def run(self, ranges: list[Range]) -> RunOutcome:
        """Run the missing steps of the ranges for at most about MAX_RUN_TIME."""
        self.started_at = self.reported_at = time.monotonic()
        for start, stop in self.missing(ranges):
            step = start
            while step < stop:
                step = self.run_next(step, stop)
                if not self.should_continue(step, ranges):
                    return self.outcome
        self.report_finished(releasing=not self.outcome.leaves_steps)
        return self.outcome

    def missing(self, ranges: list[Range]) -> Iterator[Range]:
        for start, stop in ranges:
            yield from self.reporter.missing(start, stop)

    def should_continue(self, step: int, ranges: list[Range]) -> bool:
        """Report finished steps when it is time to.

        Args:
            step: the next step; those before it have run.

        Returns:
            False when the time of this run is over, or the task has ended or is paused.
        """
        now = time.monotonic()
        if now - self.started_at >= MAX_RUN_TIME.total_seconds() or (self.board and self.board.is_ending):
            self.report_finished()
            return self.leave(step, ranges)
        due = now - self.reported_at >= REPORT_EVERY.total_seconds()
        if due or self.is_full or self.outcome.ended:
            self.report_finished()
            self.reported_at = now
            if self.task_has_ended() or self.reporter.is_paused():
                return self.leave(step, ranges)
        return True

    def leave(self, step: int, ranges: list[Range]) -> bool:
        """End the run before this step; what follows is sent as a message, also for a task that is paused.

        It may be resumed before this process gives up its lease, and then nobody else has been given them.

        Returns:
            False, as the run does not continue.
        """
        if not self.task_has_ended():
            self.outcome.remaining = ranges_after(step - 1, ranges)
        return False

    @property
    def is_full(self) -> bool:
        """Whether one report should hold no more."""
        return self.finished.is_full or self.value_bytes >= MAX_VALUE_BYTES_PER_REPORT

    def next_interrupt_at(self) -> float:
        """When to interrupt steps that succeed, to report them or to end the run (of time.monotonic)."""
        return min(
            self.reported_at + REPORT_EVERY.total_seconds(), self.started_at + MAX_RUN_TIME.total_seconds()
        )

    def task_has_ended(self) -> bool:
        if self.outcome.ended:  # by a step that gave up, and cancelled the others
            return True
        return self.outcome.report is not None and self.outcome.report.state != "running"

    def report_finished(self, *, releasing: bool = False) -> None:
        """Report the steps that have run since the last report.

        Args:
            releasing: nothing of the message is left, so its lease is given up with the report.
        """
        ranges, values = self.finished.ranges, self.values
        self.finished.ranges, self.values, self.value_bytes = [], [], 0
        if not ranges:
            return
        try:
            self.report(ranges, values, releasing=releasing and not values)
        except ResultsFull:
            steps = chain.from_iterable(range(start, stop) for start, stop in ranges)
            for step, value in zip(steps, values, strict=True):
                self.report_alone(step, value)

    def report(self, ranges: list[Range], values: list[str], *, releasing: bool = False) -> None:
        report = self.reporter.finished(ranges, values, releasing=releasing)
        self.outcome.report, self.outcome.released = report, releasing
        self.outcome.ended |= report.completed_task
        for start, stop in ranges:
            self.outcome.done.add(start, stop)

    def report_alone(self, step: int, value: str) -> None:
        """Report a step whose result there may be no room for: then the step fails for good."""
        try:
            self.report([(step, step + 1)], [value])
        except ResultsFull as error:
            self.record_failure(step, error.detail, counted=self.careful, last=True)

    def run_next(self, start: int, stop: int) -> int:
        """Run one step or more of a range, and return the step to continue from."""
        if not self.careful and self.job.step_timeout is None:
            return self.run_uncounted(start, stop)
        self.run_step(start)
        return start + 1

    def run_uncounted(self, start: int, stop: int) -> int:
        """Run steps until it is time to report or one raises, and return the step to continue from."""
        self.last_step = self.position[0] = start
        try:
            with forks_ended(), logs.step_context(self.position):
                if self.job.keep_results or self.items is not None or not self.params.are_same:
                    self.call_each(start, stop)
                else:
                    self.call_bare(start, stop)
        except UnfitItem as error:
            self.finished.add(start, self.last_step)
            self.outcome.add_unfit(self.last_step, str(error))
        except BaseException as error:
            raise_if_ending(error)
            self.finished.add(start, self.last_step)
            self.record_raised(self.last_step, error)
        else:
            self.finished.add(start, self.last_step + 1)
        return self.last_step + 1

    def call_bare(self, start: int, stop: int) -> None:
        """Call the function of a job that neither takes items nor keeps results, with the same params.

        For most steps this loop is the whole overhead.
        """
        function, name, params = self.job.function, self.job.name, self.params.same
        now, until, position = time.monotonic, self.next_interrupt_at(), self.position
        first = step = start
        began = at = now()
        pause_at = min(until, at + QUICK_SECONDS)
        try:
            for step in range(start, stop):
                position[0] = step
                before = at
                if (returned := function(step, **params)) is not None:
                    refuse_unawaited(name, returned)
                if (at := now()) >= pause_at:  # all steps before this one were quick
                    self.outcome.times.add_quick(step - first, before - began)
                    self.outcome.times.add(at - before)
                    first, began, pause_at = step + 1, at, min(until, at + QUICK_SECONDS)
                    if at >= until:
                        break
        except BaseException:
            self.last_step = step
            self.outcome.times.add_quick(step - first, at - began)
            raise
        self.last_step = step
        self.outcome.times.add_quick(step + 1 - first, at - began)

    def call_each(self, start: int, stop: int) -> None:
        """Call the function of any job."""
        until, at = self.next_interrupt_at(), time.monotonic()
        for step in range(start, stop):
            self.last_step = self.position[0] = step
            before = at
            self.call(step)
            at = time.monotonic()
            self.outcome.times.add(at - before)
            if at >= until or self.value_bytes >= MAX_VALUE_BYTES_PER_REPORT:
                break

    def call(self, step: int) -> None:
        """Call the job's function for a step, with its item, and keep what it returns."""
        given = (step,) if self.items is None else (step, self.items.item(step))
        returned = self.job.function(*given, **self.params.of_step())
        refuse_unawaited(self.job.name, returned)
        if self.job.keep_results:
            value = encode(returned, self.max_result_bytes, f"the result of job {self.job.name}")
            self.values.append(value)
            self.value_bytes += len(value)

    def run_step(self, step: int) -> None:
        """Run one step. Whatever it raises is recorded as its failure, and its neighbours still run."""
        if not self.has_fit_item(step) or (self.careful and not self.begin_attempt(step)):
            return
        self.position[0] = step
        try:
            began = time.monotonic()
            # A process that the step forks ends first: it has not the thread that the limit would wait for.
            with logs.step_context(self.position), time_limit(self.job.step_timeout), forks_ended():
                self.call(step)
        except StepTimedOut as error:
            self.record_failure(step, str(error), counted=self.careful)
        except BaseException as error:
            raise_if_ending(error)
            self.record_raised(step, error)
        else:
            self.outcome.times.add(time.monotonic() - began)
            self.finished.add(step, step + 1)

    def has_fit_item(self, step: int) -> bool:
        """Whether a step has an item that this worker can read, or takes none.

        It is read before the step's time begins, as Redis may be waited for.
        """
        why = None if self.items is None else self.items.why_unfit(step)
        if why is not None:
            self.outcome.add_unfit(step, why)
        return why is None

    def begin_attempt(self, step: int) -> bool:
        """Count an attempt before it is made, and give up a step whose attempts are used up.

        Finished steps are reported first, so that they need not run again if this one kills its process.

        Returns:
            Whether to run the step.
        """
        self.report_finished()
        if self.reporter.attempt(step) <= self.job.retry_policy.max_attempts:
            return True
        self.record_failure(step, death_error(self.job), counted=True, last=True)
        return False

    def record_raised(self, step: int, error: BaseException) -> None:
        self.record_failure(step, describe_error(error), counted=self.careful, raised=error)

    def record_failure(
        self,
        step: int,
        error: str,
        *,
        counted: bool,
        last: bool = False,
        raised: BaseException | None = None,
    ) -> None:
        """Record a failed attempt."""
        del self.values[len(self.finished) :]  # it may have been interrupted when its result was kept
        self.failures.record(step, error, counted=counted, last=last, raised=raised)
