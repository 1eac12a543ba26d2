"""A slice is worked at for a while, reported as it goes, and never lost to one bad step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from done_app import running
from done_app.running import REPORT_EVERY, WORK_FOR, Finished, Runner, describe
from shared.completion import lifecycle, missing
from shared.completion.fanout import Slice
from shared.completion.lifecycle import Report
from shared.completion.task import Order, State, Task
from shared.jobs import Job
from shared.store import Store

Ranges = list[tuple[int, int]]


@dataclass(slots=True)
class Bench:
    """A task on a real server, and a runner of it that keeps what it reported."""

    store: Store
    task: Task
    function: Callable[[int], object]
    reports: list[Ranges] = field(default_factory=list)

    def report(self, finished: Finished) -> Report:
        self.reports.append(list(finished.ranges))
        return lifecycle.report(self.store, self.task.id, ranges=finished.ranges)

    def read_missing(self, start: int, stop: int) -> Ranges:
        return list(missing.iterate(self.store, self.task, start, stop))

    def run(self, start: int, stop: int) -> tuple[Report | None, int]:
        job = Job.of("bench", self.function)
        return Runner(self.task, job, self.read_missing, self.report).run(Slice(start, stop))


MakeBench = Callable[[int, Callable[[int], object]], Bench]


@pytest.fixture
def bench(real_store: Store) -> MakeBench:
    def make(count: int, function: Callable[[int], object]) -> Bench:
        return Bench(real_store, lifecycle.start(real_store, Order(count), max_steps=count).task, function)

    return make


def test_finished_steps_are_kept_as_ranges() -> None:
    finished = Finished()

    for step in (3, 4, 5, 9, 10, 12):
        finished.add(step)

    assert finished.ranges == [(3, 6), (9, 11), (12, 13)]


def test_quick_steps_are_run_in_order_and_reported_at_once(bench: MakeBench) -> None:
    ran: list[int] = []
    made = bench(20, ran.append)

    report, go_on = made.run(5, 15)

    assert ran == list(range(5, 15))
    assert made.reports == [[(5, 15)]]
    assert report is not None
    assert (report.fresh, report.state, go_on) == (10, State.RUNNING, 15)


def test_slow_steps_are_reported_while_the_slice_runs_and_each_once(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WORK_FOR", timedelta(minutes=1))
    made = bench(20, lambda _: time.sleep(REPORT_EVERY.total_seconds()))

    made.run(0, 3)

    assert made.reports == [[(0, 1)], [(1, 2)], [(2, 3)]]


def test_a_slice_is_left_after_its_time_and_says_where_to_go_on(bench: MakeBench) -> None:
    made = bench(1000, lambda _: time.sleep(0.01))

    report, go_on = made.run(0, 1000)

    assert 0 < go_on <= WORK_FOR.total_seconds() / 0.01 + 1
    assert report is not None
    assert report.done_steps == go_on


def test_work_that_was_left_goes_on_to_its_end(bench: MakeBench) -> None:
    ran: list[int] = []

    def slowly(step: int) -> None:
        ran.append(step)
        time.sleep(0.01)

    made = bench(60, slowly)
    start, report = 0, None

    while start < 60:
        report, start = made.run(start, 60)

    assert ran == list(range(60))
    assert report is not None
    assert report.completed_task


def test_a_slice_ends_when_its_task_does(bench: MakeBench) -> None:
    ran: list[int] = []

    def cancel(step: int) -> None:
        ran.append(step)
        lifecycle.cancel(made.store, made.task.id)
        time.sleep(REPORT_EVERY.total_seconds())

    made = bench(1000, cancel)

    report, go_on = made.run(0, 1000)

    assert ran == [0]
    assert report is not None
    assert (report.state, go_on) == (State.CANCELLED, 1000)


def test_a_step_that_raises_is_left_missing_and_its_neighbours_go_on(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(5, lambda step: 1 // (step - 2))

    report, go_on = made.run(0, 5)

    assert made.reports == [[(0, 2), (3, 5)]]
    assert made.read_missing(0, 5) == [(2, 3)]
    assert report is not None
    assert (report.state, go_on) == (State.RUNNING, 5)
    assert f"step 2 of task {made.task.id} raised; it is run again later" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_slice_of_which_every_step_raises_reports_nothing(bench: MakeBench) -> None:
    made = bench(3, lambda _: 1 // 0)

    assert made.run(0, 3) == (None, 3)
    assert made.reports == []


def test_steps_that_are_done_are_not_run_again(bench: MakeBench) -> None:
    ran: list[int] = []
    made = bench(20, ran.append)
    lifecycle.report(made.store, made.task.id, [3], [(7, 15)])

    made.run(0, 10)

    assert ran == [0, 1, 2, 4, 5, 6]


def test_the_lines_name_one_step_or_a_range_and_how_far_the_task_is(bench: MakeBench) -> None:
    task = bench(10, print).task
    report = Report(fresh=1, completed_task=False, state=State.RUNNING, count=10, left=6)

    lines = [describe(part, report, task) for part in (Slice(3, 4), Slice(3, 7))]

    assert lines == [
        f"step 3 of task {task.id} is done (4/10)",
        f"steps 3-6 of task {task.id} are done (4/10)",
    ]
