"""A slice is worked at for a while, reported as it goes, and never lost to one bad step."""

from __future__ import annotations

import logging
import math
import mmap
import os
import signal
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from billiard import common

from done_app.worker.steps import runner
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.raised import describe_error, describe_traceback
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import MAX_RUN_TIME, REPORT_EVERY, Runner
from done_app.worker.steps.step_ranges import MAX_RANGES_PER_REPORT, StepRanges
from done_app.worker.steps.time_limit import StepTimedOut
from donebit import job, logs
from donebit.completion import failing, lifecycle, missing, reporting, results
from donebit.completion.reporting import Report
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.jobs.registry import Job
from donebit.logs import JsonFormatter
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from tests.completion.arranged import HOLDER, TTLS

ROOM_FOR_RESULTS = 1000  # bytes
RETRIES = RetryPolicy(3, timedelta(seconds=1))


@dataclass(slots=True)
class Bench:
    """A task on a real server, and a runner of it that keeps what it reported."""

    store: Store
    task: Task
    function: Callable[[int], object]
    reports: list[list[tuple[int, int]]] = field(default_factory=list)

    def run(self, start: int, stop: int, **terms: Any) -> RunOutcome:
        return self.run_ranges([(start, stop)], **terms)

    def run_ranges(
        self,
        ranges: list[tuple[int, int]],
        *,
        careful: bool = False,
        position: MutableSequence[int] | None = None,
        **terms: Any,
    ) -> RunOutcome:
        made = Job.from_function(job("bench", **terms)(partial(self.function)))
        desk = RecordingDesk(
            self.store,
            self.task,
            made.retry_policy,
            self.reports,
            holder=HOLDER,
            max_result_bytes=ROOM_FOR_RESULTS,
        )
        return Runner(self.task, made, desk, careful, [0] if position is None else position).run(ranges)

    def missing(self) -> list[tuple[int, int]]:
        task = lifecycle.get_task(self.store, self.task.id).task
        return list(missing.iterate(self.store, task, 0, task.count))


@dataclass(frozen=True, slots=True)
class RecordingDesk(StoreStepReporter):
    reports: list[list[tuple[int, int]]] = field(default_factory=list)

    def finished(
        self, ranges: list[tuple[int, int]], values: Sequence[str] = (), *, releasing: bool = False
    ) -> Report:
        self.reports.append(list(ranges))
        return StoreStepReporter.finished(self, ranges, values, releasing=releasing)


MakeBench = Callable[[int, Callable[[int], object]], Bench]


@pytest.fixture
def bench(real_store: Store) -> MakeBench:
    def make(count: int, function: Callable[[int], object]) -> Bench:
        return Bench(
            real_store,
            lifecycle.start(real_store, TaskSpec(count), ttls=TTLS, max_steps=count).task,
            function,
        )

    return make


def test_finished_steps_are_kept_as_ranges() -> None:
    finished = StepRanges()

    for start, stop in ((3, 4), (4, 6), (7, 7), (9, 10), (10, 11), (12, 13)):
        finished.add(start, stop)

    assert finished.ranges == [(3, 6), (9, 11), (12, 13)]


def test_quick_steps_are_run_in_order_and_reported_at_once(bench: MakeBench) -> None:
    ran: list[int] = []
    made = bench(20, ran.append)

    outcome = made.run(5, 15)

    assert ran == list(range(5, 15))
    assert made.reports == [[(5, 15)]]
    assert outcome.report is not None
    assert (outcome.report.fresh, outcome.report.state, outcome.remaining) == (10, State.RUNNING, [])


@pytest.mark.usefixtures("reports_in_time")
def test_slow_steps_are_reported_while_the_slice_runs_and_each_once(
    bench: MakeBench,
) -> None:
    made = bench(20, lambda _: time.sleep(REPORT_EVERY.total_seconds()))

    made.run(0, 3)

    assert made.reports == [[(0, 1)], [(1, 2)], [(2, 3)]]


@pytest.mark.usefixtures("reports_in_time")
def test_slow_steps_that_are_not_adjacent_are_reported_meanwhile(
    bench: MakeBench,
) -> None:
    made = bench(20, lambda _: time.sleep(REPORT_EVERY.total_seconds()))
    reporting.report(made.store, made.task.id, [1, 3])

    made.run(0, 5)

    assert made.reports == [[(0, 1)], [(2, 3)], [(4, 5)]]


@pytest.mark.usefixtures("ends_in_time")
def test_a_slice_is_left_after_its_time_and_says_where_to_go_on(bench: MakeBench) -> None:
    made = bench(1000, lambda _: time.sleep(0.01))

    outcome = made.run(0, 1000)

    ((go_on, stop),) = outcome.remaining
    assert 0 < go_on <= MAX_RUN_TIME.total_seconds() / 0.01 + 1
    assert stop == 1000
    assert outcome.report is not None
    assert outcome.report.done_steps == go_on


@pytest.mark.usefixtures("ends_in_time")
@pytest.mark.parametrize(("stop", "rest"), [(16, [(13, 16), (2, 4), (0, 1)]), (13, [(2, 4), (0, 1)])])
def test_what_is_left_after_its_time_is_all_that_it_has_not_come_to(
    bench: MakeBench, stop: int, rest: list[tuple[int, int]]
) -> None:
    made = bench(20, lambda _: time.sleep(MAX_RUN_TIME.total_seconds()))

    outcome = made.run_ranges([(12, stop), (2, 4), (0, 1)])

    assert made.reports == [[(12, 13)]]
    assert outcome.remaining == rest


@pytest.mark.usefixtures("ends_in_time", "reports_in_time")
def test_work_that_was_left_goes_on_to_its_end(bench: MakeBench) -> None:
    ran: list[int] = []

    def slowly(step: int) -> None:
        ran.append(step)
        time.sleep(0.01)

    made = bench(60, slowly)
    outcome = made.run(0, 60)

    while outcome.remaining:
        ((start, stop),) = outcome.remaining
        outcome = made.run(start, stop)

    assert ran == list(range(60))
    assert outcome.ended


@pytest.mark.usefixtures("reports_in_time")
def test_a_slice_ends_when_its_task_does(bench: MakeBench) -> None:
    ran: list[int] = []

    def cancel(step: int) -> None:
        ran.append(step)
        lifecycle.cancel(made.store, made.task.id)
        time.sleep(REPORT_EVERY.total_seconds())

    made = bench(1000, cancel)

    outcome = made.run(0, 1000)

    assert ran == [0]
    assert outcome.report is not None
    assert (outcome.report.state, outcome.remaining) == (State.CANCELLED, [])


@pytest.mark.usefixtures("ends_in_time")
def test_a_slice_out_of_time_leaves_nothing_when_its_task_has_ended(
    bench: MakeBench,
) -> None:
    def cancel(_: int) -> None:
        lifecycle.cancel(made.store, made.task.id)
        time.sleep(MAX_RUN_TIME.total_seconds())

    made = bench(1000, cancel)

    outcome = made.run(0, 1000)

    assert outcome.remaining == []


def test_an_error_of_any_length_is_a_few_lines_in_the_log(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    def function(_: int) -> None:
        raise ValueError("long" * 1_000_000)

    bench(1, function).run(0, 1, max_attempts=1)

    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(line.getMessage()) < 5000
    assert len(JsonFormatter().format(line)) < 30_000


@pytest.mark.parametrize("describe", [describe_error, describe_traceback])
def test_the_middle_of_a_long_error_is_cut_out(describe: Callable[[BaseException], str]) -> None:
    said = describe(ValueError(f"begin {'x' * 1_000_000} end"))

    assert len(said) <= failing.MAX_TRACEBACK_LENGTH
    assert "begin x" in said
    assert "x end" in said


@pytest.mark.parametrize(
    "terms",
    [{}, {"step_timeout": timedelta(minutes=1)}, {"careful": True}],
    ids=["freely", "timed", "careful"],
)
def test_each_step_runs_once_and_only_those_that_raise_are_retried(
    bench: MakeBench, terms: dict[str, Any]
) -> None:
    ran: list[int] = []

    def raise_at_some(step: int) -> None:
        ran.append(step)
        if step in (4, 8, 9, 13):
            raise ValueError(step)

    made = bench(20, raise_at_some)

    outcome = made.run_ranges([(4, 10), (12, 14)], **terms)

    assert ran == [4, 5, 6, 7, 8, 9, 12, 13]
    assert made.missing() == [(0, 5), (8, 12), (13, 20)]
    assert outcome.to_retry.ranges == [(4, 5), (8, 10), (13, 14)]
    assert outcome.done.ranges == [(5, 8), (12, 13)]


@pytest.mark.filterwarnings("ignore:.*use of fork")  # as pytest has threads
@pytest.mark.parametrize("terms", [{}, {"keep_results": True}])
def test_steps_that_a_forked_process_ran_are_not_reported(bench: MakeBench, terms: dict[str, Any]) -> None:
    """It writes where it is to the memory that says it of the process that it came from."""

    def function(step: int) -> None:
        if step == 2 and (pid := os.fork()):
            os.waitpid(pid, 0)
            raise ValueError("its neighbours are run by the other process")

    shared = memoryview(mmap.mmap(-1, 8)).cast("q")
    outcome = bench(10, function).run(0, 10, position=shared, **terms)

    assert outcome.done.ranges == [(0, 2), (3, 10)]
    assert outcome.to_retry.ranges == [(2, 3)]


@pytest.mark.parametrize("terms", [{}, {"keep_results": True}, {"step_timeout": timedelta(minutes=1)}])
def test_what_a_step_logs_is_about_it(bench: MakeBench, terms: dict[str, Any]) -> None:
    about: list[int | None] = []

    bench(10, lambda _: about.append(logs.current_step())).run(0, 10, **terms)

    assert about == list(range(10))
    assert logs.current_step() is None


def test_a_step_that_raises_is_to_be_tried_again_and_its_neighbours_go_on(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(5, lambda step: 1 // (step - 2))

    outcome = made.run(0, 5, backoff=timedelta(seconds=7))

    assert made.reports == [[(0, 2), (3, 5)]]
    assert made.missing() == [(2, 3)]
    assert (outcome.to_retry.ranges, outcome.retry_pause) == ([(2, 3)], timedelta(seconds=7))
    assert (outcome.remaining, outcome.ended) == ([], False)
    (line,) = caplog.records
    assert line.getMessage() == (
        f"step 2 of task {made.task.id} failed at attempt 1 of 3, and is retried in 7 s: "
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert (line.levelname, line.exc_info) == ("WARNING", None)


def test_the_traceback_is_logged_once_when_the_step_gives_up(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(5, lambda step: 1 // (step - 2))

    for _ in range(3):
        made.run(0, 5)

    assert [line.levelname for line in caplog.records] == ["WARNING", "WARNING", "ERROR"]
    assert [line.exc_info is not None for line in caplog.records] == [False, False, True]
    assert f"step 2 of task {made.task.id} failed for good after 3 attempts" in caplog.text
    assert caplog.text.count("Traceback") == 1


def test_a_step_that_has_one_attempt_gives_up_after_one_attempt(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(1, lambda step: 1 // step)
    made.run(0, 1, max_attempts=1)

    (line,) = caplog.records
    assert line.getMessage() == (
        f"step 0 of task {made.task.id} failed for good after 1 attempt: "
        "ZeroDivisionError: integer division or modulo by zero"
    )


def test_a_step_that_raises_at_its_last_attempt_may_end_the_task(bench: MakeBench) -> None:
    made = bench(5, lambda step: 1 // (step - 2))

    outcome = made.run(0, 5, max_attempts=1)

    assert outcome.to_retry.ranges == []
    assert outcome.ended
    assert lifecycle.get_task(made.store, made.task.id).task.state is State.FAILED


def test_a_slice_of_which_every_step_raises_reports_nothing_done(bench: MakeBench) -> None:
    made = bench(3, lambda _: 1 // 0)

    outcome = made.run(0, 3)

    assert outcome.report is None
    assert outcome.to_retry.ranges == [(0, 3)]
    assert made.reports == []


def test_a_step_that_outlives_its_timeout_is_interrupted_and_has_failed(bench: MakeBench) -> None:
    made = bench(3, lambda step: time.sleep(0.5 if step == 1 else 0))

    outcome = made.run(0, 3, step_timeout=timedelta(milliseconds=50))

    assert made.missing() == [(1, 2)]
    assert outcome.to_retry.ranges == [(1, 2)]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Leaving(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Groundless(Exception):
    @property
    def __suppress_context__(self) -> bool:  # type: ignore[override] # as a step may have it
        raise SystemExit(3)


class Classless(Exception):
    @property  # type: ignore[misc] # as a step may have it
    def __class__(self) -> Any:
        raise KeyboardInterrupt


class OfNoName(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__"):
            raise RuntimeError
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=OfNoName):
    pass


# Made where they are raised: pytest shows what a test was given when it fails, and has no words for some.
RAISED: dict[str, Callable[[], BaseException]] = {
    "CancelledError: ": CancelledError,
    "GeneratorExit: ": GeneratorExit,
    "BaseException: base": lambda: BaseException("base"),
    "SystemExit: 0": lambda: SystemExit(0),
    "SystemExit: 3": lambda: SystemExit(3),
    "SystemExit: no such file": lambda: SystemExit("no such file"),
    "KeyboardInterrupt: ": KeyboardInterrupt,
    "Unspeakable, whose text cannot be read": Unspeakable,
    "Leaving, whose text cannot be read": Leaving,
    "Groundless: of no cause": lambda: Groundless("of no cause"),
    "Classless, whose text cannot be read": Classless,
    "Nameless: of no name": lambda: Nameless("of no name"),
}


@pytest.mark.parametrize("said", RAISED)
@pytest.mark.parametrize("careful", [False, True])
def test_whatever_a_step_raises_is_its_own_failure(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, said: str, careful: bool
) -> None:
    monkeypatch.setattr(
        logging, "raiseExceptions", False
    )  # of pytest's log, which cannot print one of no name

    def function(step: int) -> None:
        if step == 1:
            raise RAISED[said]()

    made = bench(3, function)

    made.run(0, 3, careful=careful, max_attempts=1)

    (given_up,) = failing.list_failures(
        made.store, lifecycle.get_task(made.store, made.task.id).task, limit=9
    ).failures
    assert (given_up.step, given_up.error) == (1, said)
    assert made.missing() == []


@pytest.mark.parametrize(
    "terms",
    [{}, {"step_timeout": timedelta(minutes=1)}, {"careful": True}],
    ids=["freely", "timed", "careful"],
)
def test_a_step_that_returns_a_coroutine_fails_and_says_so(bench: MakeBench, terms: dict[str, Any]) -> None:
    async def fetch(step: int) -> None: ...

    made = bench(3, lambda step: fetch(step) if step == 1 else None)

    made.run(0, 3, max_attempts=1, **terms)

    (given_up,) = failing.list_failures(
        made.store, lifecycle.get_task(made.store, made.task.id).task, limit=9
    ).failures
    assert (given_up.step, made.missing()) == (1, [])
    assert given_up.error == (
        "job bench returned a coroutine, whose work nothing awaits: write a plain function that calls "
        "asyncio.run"
    )


@pytest.mark.parametrize("careful", [False, True])
def test_a_process_told_to_end_leaves_its_step_to_another(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, careful: bool
) -> None:
    monkeypatch.setattr(common, "_should_have_exited", [False])
    in_the_pool = common._shutdown_cleanup  # type: ignore[attr-defined]  # its stubs are older
    handled_before = signal.signal(signal.SIGTERM, in_the_pool)

    def function(step: int) -> None:
        if step == 1:
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                raise ValueError("the step's own cleanup fails")

    made = bench(3, function)

    try:
        with pytest.raises(ValueError, match="cleanup"):
            made.run(0, 3, careful=careful, max_attempts=1)
    finally:
        signal.signal(signal.SIGTERM, handled_before)
    assert lifecycle.get_task(made.store, made.task.id).task.failed_steps == 0


def test_a_careful_run_gives_up_a_step_whose_attempts_nobody_survived(bench: MakeBench) -> None:
    made = bench(3, lambda _: None)
    for _ in range(3):
        made.store.failures.begin_attempt(made.task.id, made.task.nonce, 1, max_attempts=3)

    outcome = made.run(0, 3, careful=True, max_attempts=3)

    (given_up,) = failing.list_failures(
        made.store, lifecycle.get_task(made.store, made.task.id).task, limit=9
    ).failures
    assert (given_up.step, given_up.error) == (1, "its process died at every attempt")
    assert outcome.ended


def test_steps_that_are_done_are_not_run_again(bench: MakeBench) -> None:
    ran: list[int] = []
    made = bench(20, ran.append)
    reporting.report(made.store, made.task.id, [3], [(7, 15)])

    made.run(0, 10)

    assert ran == [0, 1, 2, 4, 5, 6]


def test_many_steps_apart_from_each_other_are_reported_a_few_at_a_time(bench: MakeBench) -> None:
    made = bench(6 * MAX_RANGES_PER_REPORT, lambda _: None)
    reporting.report(made.store, made.task.id, range(0, made.task.count, 2))

    outcome = made.run(0, made.task.count)
    while outcome.remaining:
        outcome = made.run_ranges(outcome.remaining)

    assert max(map(len, made.reports)) == MAX_RANGES_PER_REPORT
    assert outcome.ended


def results_of(made: Bench) -> dict[int, str]:
    return dict(results.iterate(made.store, lifecycle.get_task(made.store, made.task.id).task))


@pytest.mark.parametrize("limit", [None, timedelta(minutes=1)])
@pytest.mark.parametrize("careful", [False, True])
def test_what_steps_return_is_kept(bench: MakeBench, careful: bool, limit: timedelta | None) -> None:
    made = bench(7, lambda step: None if step == 2 else {"step": step})

    made.run(1, 5, careful=careful, keep_results=True, step_timeout=limit)

    assert results_of(made) == {1: '{"step":1}', 2: "null", 3: '{"step":3}', 4: '{"step":4}'}
    assert made.missing() == [(0, 1), (5, 7)]


def test_what_steps_return_is_not_kept_unless_the_job_says_so(bench: MakeBench) -> None:
    made = bench(3, lambda step: step)

    made.run(0, 3)

    assert results_of(made) == {}


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ({1}, "cannot be written as JSON: Object of type set is not JSON serializable"),
        (math.nan, "cannot be written as JSON: Out of range float values are not JSON compliant"),
        ("x" * 70_000, "has 70,002 bytes of JSON; at most 65,536 are kept (MAX_STEP_RESULT_BYTES)"),
    ],
    ids=["a set", "no number", "too large"],
)
def test_a_result_that_cannot_be_kept_fails_its_step_alone(
    bench: MakeBench, returned: object, why: str
) -> None:
    made = bench(4, lambda step: returned if step == 1 else step)

    outcome = made.run(0, 4, keep_results=True, max_attempts=1)

    task = lifecycle.get_task(made.store, made.task.id).task
    (failed,) = failing.list_failures(made.store, task, limit=9).failures
    assert (outcome.ended, results_of(made)) == (True, {0: "0", 2: "2", 3: "3"})
    assert (failed.step, failed.error) == (1, f"the result of job bench {why}")


def test_results_for_which_there_is_no_room_fail_their_steps(bench: MakeBench) -> None:
    made = bench(5, lambda step: "x" * (1 if step == 4 else 398))

    outcome = made.run(0, 5, keep_results=True)

    task = lifecycle.get_task(made.store, made.task.id).task
    failures = failing.list_failures(made.store, task, limit=9).failures
    assert (outcome.ended, task.state, sorted(results_of(made))) == (True, State.FAILED, [0, 1, 4])
    assert [one.step for one in failures] == [2, 3]
    assert "would have 1,200 bytes; at most 1,000 are kept (MAX_RESULT_BYTES)" in (failures[0].error or "")


def test_large_results_are_reported_in_several_reports(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_VALUE_BYTES_PER_REPORT", 100)
    made = bench(10, lambda _: "x" * 48)

    made.run(0, 10, keep_results=True)

    assert made.reports == [[(0, 2)], [(2, 4)], [(4, 6)], [(6, 8)], [(8, 10)]]


def test_a_step_that_runs_again_keeps_its_first_result(bench: MakeBench) -> None:
    made = bench(3, lambda step: step)
    reporting.report_results(
        made.store, made.task.id, results.runs_of([(1, '"first"')]), max_bytes=ROOM_FOR_RESULTS
    )
    desk = RecordingDesk(made.store, made.task, RETRIES, holder=HOLDER, max_result_bytes=ROOM_FOR_RESULTS)

    late = desk.finished([(0, 3)], ["0", '"second"', "2"])

    assert (late.fresh, late.completed_task) == (2, True)
    assert results_of(made) == {0: "0", 1: '"first"', 2: "2"}


def test_a_step_interrupted_when_its_result_was_kept_leaves_none(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(3, lambda step: step)

    @contextmanager
    def interrupted_once(_: timedelta) -> Iterator[None]:
        yield
        if made.reports == [] and not failures():
            raise StepTimedOut("just now")

    def failures() -> list[int]:
        task = lifecycle.get_task(made.store, made.task.id).task
        return [one.step for one in failing.list_failures(made.store, task, limit=9).failures]

    monkeypatch.setattr(runner, "time_limit", interrupted_once)

    made.run(0, 3, keep_results=True, max_attempts=1, step_timeout=timedelta(minutes=1))

    assert (failures(), results_of(made)) == ([0], {1: "1", 2: "2"})
