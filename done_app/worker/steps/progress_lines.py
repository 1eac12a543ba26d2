"""The log lines about finished steps: one per step of a small task, one now and then of a large one."""

from __future__ import annotations

import mmap
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from done_app.worker.steps.step_ranges import StepRanges
from donebit.completion.reporting import Report
from donebit.completion.task import Task

LINE_A_STEP = 250  # a task of at most so many steps has a line for each
LINE_EVERY = timedelta(seconds=2)
SLOTS = 1024
WORD_BYTES = 8


class ProgressLine(NamedTuple):
    """One line, and the step that it is about; of a large task there is none."""

    text: str
    step: int | None = None


class LineClock:
    """When a line about each large task was last written, in memory that all processes of a worker share.

    Made before the pool is forked. Two processes that look at the same moment may write a line each, and two
    tasks that share a slot a line less.
    """

    def __init__(self) -> None:
        self._written_at = memoryview(mmap.mmap(-1, SLOTS * WORD_BYTES)).cast("q")

    def is_due(self, task_id: str) -> bool:
        """Whether it is time for a line about the task; then it is taken as written."""
        slot, now = zlib.crc32(task_id.encode()) % SLOTS, time.monotonic_ns()
        before = self._written_at[slot]
        if before and now - before < LINE_EVERY / timedelta(microseconds=1) * 1000:
            return False
        self._written_at[slot] = now
        return True


def lines_of(clock: LineClock, done: StepRanges, report: Report, task: Task) -> Iterator[ProgressLine]:
    """The lines to write about steps that were finished.

    Args:
        done: those steps.
        report: the last report of them.
    """
    if report.count <= LINE_A_STEP:
        yield from step_lines(done, report, task)
    elif clock.is_due(task.id):
        yield task_line(report, task)


def step_lines(done: StepRanges, report: Report, task: Task) -> Iterator[ProgressLine]:
    """A line for each step, with how many are done by then."""
    before = report.done_steps - len(done)
    steps = (step for start, stop in done.ranges for step in range(start, stop))
    for number, step in enumerate(steps, 1):
        said = f"step {step} of task {task.id} is done ({max(before, 0) + number}/{report.count})"
        yield ProgressLine(said, step)


def task_line(report: Report, task: Task) -> ProgressLine:
    """A line that says how far a task is."""
    failed = f", {report.failed_steps} failed" if report.failed_steps else ""
    return ProgressLine(f"task {task.id} has {report.done_steps} of {report.count} steps done{failed}")
