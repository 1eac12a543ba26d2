"""An attempt at a step counts once, also when the answer of the store is lost and the report is repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from done_app.worker.steps.reporter import StoreStepReporter
from donebit.completion import leases
from donebit.completion.task import Task
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from donebit.store.leases import Holder
from tests.completion.arranged import now, start

HOLDER = Holder("message-1", "host:1/aa", 11)


def reporter_of(store: Store, task: Task, max_attempts: int) -> StoreStepReporter:
    leases.take(store, task.id, task.nonce, HOLDER, [(0, task.count)])
    policy = RetryPolicy(max_attempts, timedelta(seconds=2))
    return StoreStepReporter(store, task, policy, message_id=HOLDER.message_id)


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
