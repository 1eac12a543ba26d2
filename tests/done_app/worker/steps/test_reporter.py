"""An attempt at a step counts once, also when the answer of the store is lost and the report is repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import Runner
from donebit import job
from donebit.completion import leases
from donebit.completion.task import Task
from donebit.jobs.registry import Job
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from tests.completion.arranged import HOLDER, missing_ranges, now, start
from tests.losing_way import losing_way_to
from tests.servers import RunningServer


def reporter_of(store: Store, task: Task, max_attempts: int) -> StoreStepReporter:
    leases.take(store, task.id, task.nonce, HOLDER, [(0, task.count)])
    policy = RetryPolicy(max_attempts, timedelta(seconds=2))
    return StoreStepReporter(store, task, policy, holder=HOLDER)


def lose_first_answer(monkeypatch: pytest.MonkeyPatch, store: Store, name: str) -> None:
    """Run a script, and have the connection break before its first answer arrives."""
    script, answered = store.failures._scripts[name], []

    def run(*args: object, **kwargs: object) -> object:
        answer = script(*args, **kwargs)  # type: ignore[arg-type]  # as it is called in any case
        answered.append(answer)
        if len(answered) == 1:
            raise ConnectionLost("the answer is lost")
        return answer

    monkeypatch.setitem(store.failures._scripts, name, run)


def test_an_attempt_begun_whose_answer_is_lost_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start(store, 3)
    reporter = reporter_of(store, task, max_attempts=1)
    lose_first_answer(monkeypatch, store, "begin_attempt")

    assert reporter.attempt(1) == 1
    assert store.failures.attempts(task.id, [1]) == [1]


def test_a_later_attempt_counts_though_the_one_before_was_repeated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start(store, 3)
    lose_first_answer(monkeypatch, store, "begin_attempt")
    first = reporter_of(store, task, max_attempts=3).attempt(1)

    again = reporter_of(store, task, max_attempts=3)  # with the lease taken again

    assert (first, again.attempt(1), again.attempt(2)) == (1, 2, 1)


@pytest.mark.parametrize("counted_before", [False, True])
def test_a_failure_whose_answer_is_lost_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, counted_before: bool
) -> None:
    task = start(store, 3)
    reporter = reporter_of(store, task, max_attempts=3)
    if counted_before:
        reporter.attempt(1)
    lose_first_answer(monkeypatch, store, "fail_step")

    failure = reporter.failed(1, "no", count_attempt=not counted_before, last=False)

    assert (failure.attempts, failure.gave_up, failure.pause) == (1, False, timedelta(seconds=2))
    assert store.failures.attempts(task.id, [1]) == [1]


def test_the_last_failure_whose_answer_is_lost_gives_the_step_up_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start(store, 3)
    reporter = reporter_of(store, task, max_attempts=2)
    reporter.failed(1, "no", count_attempt=True, last=False)
    lose_first_answer(monkeypatch, store, "fail_step")

    failure = reporter.failed(1, "no", count_attempt=True, last=False)

    assert (failure.completed_task, failure.failed_steps) == (False, 1)
    assert now(store, task).failed_steps == 1


def test_an_outage_between_two_ranges_repeats_no_step(real_store: Store, valkey: RunningServer) -> None:
    task, made = start(real_store, 3), list[int]()
    with losing_way_to(valkey.port) as way:

        @job("worked")
        def work(step: int) -> None:
            made.append(step)
            way.lose("GETRANGE", times=1 - step // 2)

        over = Store.at(way.url, prefix=real_store.keys.prefix)
        Runner(task, Job.from_function(work), reporter_of(over, task, 1)).run([(0, 1), (2, 3)])

    assert made == [0, 2]
    assert missing_ranges(real_store, task) == [(1, 2)]
