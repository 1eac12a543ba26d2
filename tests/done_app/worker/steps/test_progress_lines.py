"""A worker writes a line a step of a small task, and a line every two seconds of a large one."""

from __future__ import annotations

import os
import time

import pytest

from done_app.worker.steps.progress_lines import LINE_A_STEP, LINE_EVERY, LineClock, lines_of
from done_app.worker.steps.step_ranges import StepRanges
from donebit.completion.reporting import Report
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store
from tests.completion.arranged import start


@pytest.fixture
def task(store: Store) -> Task:
    return start(store, 3, task_id="some")


def reported(done: int, count: int, failed: int = 0) -> Report:
    missing = count - done - failed
    return Report(1, False, State.RUNNING, count, missing_steps=missing, failed_steps=failed)


def lines(clock: LineClock, task: Task, done: list[tuple[int, int]], report: Report) -> list[str]:
    return [line.text for line in lines_of(clock, StepRanges(done), report, task)]


def test_each_step_of_a_small_task_has_a_line(task: Task) -> None:
    written = lines(LineClock(), task, [(3, 4), (6, 8)], reported(5, LINE_A_STEP))

    assert written == [
        "step 3 of task some is done (3/250)",
        "step 6 of task some is done (4/250)",
        "step 7 of task some is done (5/250)",
    ]


def test_only_the_lines_of_a_small_task_are_about_a_step(task: Task) -> None:
    done = StepRanges([(3, 4), (6, 8)])

    small, large = (lines_of(LineClock(), done, reported(5, LINE_A_STEP + more), task) for more in (0, 1))

    assert [line.step for line in small] == [3, 6, 7]
    assert [line.step for line in large] == [None]


def test_a_large_task_has_one_line_every_two_seconds(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, now = LineClock(), [1]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])

    first = lines(clock, task, [(0, 40)], reported(40, 251))
    soon = lines(clock, task, [(40, 80)], reported(80, 251))
    now[0] += int(LINE_EVERY.total_seconds() * 1e9)
    later = lines(clock, task, [(80, 120)], reported(118, 251, failed=2))

    assert first == ["task some has 40 of 251 steps done"]
    assert soon == []
    assert later == ["task some has 118 of 251 steps done, 2 failed"]


def test_processes_of_a_worker_share_the_line() -> None:
    clock = LineClock()
    if (pid := os.fork()) == 0:
        os._exit(0 if clock.is_due("some") else 1)

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert not clock.is_due("some")
    assert clock.is_due("another")
