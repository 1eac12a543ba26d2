"""Running a slice of a task's steps, and reporting what is finished while it runs."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.completion.fanout import Slice
from shared.completion.lifecycle import Report
from shared.completion.task import Task
from shared.errors import StoreUnavailable
from shared.jobs import Job

REPORT_EVERY = timedelta(milliseconds=100)
# After this a slice goes to the tail of its queue: tasks share the workers, a crash repeats little, and
# 250 slices of a large task are through 8 processes in 10 seconds, not in 30 as with a second each.
WORK_FOR = timedelta(milliseconds=250)
LONGEST_PAUSE = timedelta(seconds=2)
GIVE_UP_AFTER = timedelta(minutes=10)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Finished:
    """Steps finished and not yet reported, as half-open ranges."""

    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, step: int) -> None:
        if self.ranges and self.ranges[-1][1] == step:
            self.ranges[-1] = (self.ranges[-1][0], step + 1)
        else:
            self.ranges.append((step, step + 1))


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the missing steps of a slice with the task's job."""

    task: Task
    job: Job
    read_missing: Callable[[int, int], list[tuple[int, int]]]
    report: Callable[[Finished], Report]

    def run(self, part: Slice) -> tuple[Report | None, int]:
        """Work through the slice for a while.

        Returns:
            the last report (None when nothing was finished) and the step to go on from; that is the
            slice's stop when it is through, or when the task has ended meanwhile.
        """
        began = reported_at = time.monotonic()
        finished, last = Finished(), None
        for start, stop in self.read_missing(part.start, part.stop):
            for step in range(start, stop):
                if self.run_step(step):
                    finished.add(step)
                now = time.monotonic()
                if now - reported_at >= REPORT_EVERY.total_seconds():
                    last, reported_at = self._flush(finished, last), now
                    if last is not None and last.state != "running":
                        return last, part.stop
                if now - began >= WORK_FOR.total_seconds():
                    return self._flush(finished, last), step + 1
        return self._flush(finished, last), part.stop

    def _flush(self, finished: Finished, last: Report | None) -> Report | None:
        if not finished.ranges:
            return last
        report = self.report(finished)
        finished.ranges.clear()
        return report

    def run_step(self, step: int) -> bool:
        """Whether the step finished. One that raises is left missing, and its neighbours go on."""
        try:
            self.job.function(step, **self.task.order.params)
        except Exception:
            log.exception("step %d of task %s raised; it is run again later", step, self.task.id)
            return False
        return True


def patiently(report: Callable[[str], Report]) -> Report:
    """Report until the store takes it: the work is done, only the word of it is missing.

    The one token makes the repeats one call, so the answer that was lost is given again.
    """
    token, pause = uuid.uuid4().hex, 0.1
    give_up_at = time.monotonic() + GIVE_UP_AFTER.total_seconds()
    while True:
        try:
            return report(token)
        except StoreUnavailable:
            if time.monotonic() >= give_up_at:
                raise
            log.warning("Redis is away; finished steps are kept and reported in %.1f s", pause)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE.total_seconds())


def describe(part: Slice, report: Report, task: Task) -> str:
    """One line for whoever watches the log."""
    progress = f"({report.done_steps}/{report.count})"
    if part.single:
        return f"step {part.start} of task {task.id} is done {progress}"
    return f"steps {part.start}-{part.stop - 1} of task {task.id} are done {progress}"
