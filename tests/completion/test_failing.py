"""Steps that fail: attempts counted, pauses growing, given up after the last, and the end that follows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from shared.completion import failing, lifecycle
from shared.completion.failing import Policy
from shared.completion.task import State, Task
from shared.errors import InvalidInput, NotFound
from shared.store import Store, keys
from shared.store.failures import ERRORS_KEPT
from tests.completion.arranged import (
    expire,
    missing_ranges,
    now,
    set_by_other_hands,
    start,
    start_done,
)
from tests.conftest import keys_without_ttl

THRICE = Policy(max_attempts=3, backoff=timedelta(seconds=1))


def errors_of(store: Store, task: Task) -> list[tuple[int, int, str | None]]:
    found = failing.page(store, now(store, task), limit=10_000).failures
    return [(failure.step, failure.attempts, failure.error) for failure in found]


def test_a_step_gives_up_after_its_last_attempt(store: Store) -> None:
    task = start(store)

    attempts = [failing.fail(store, task.id, 1, "boom", THRICE) for _ in range(3)]

    assert [(made.attempts, made.gave_up, made.left) for made in attempts] == [
        (1, False, 3),
        (2, False, 3),
        (3, True, 2),
    ]


def test_the_pause_doubles_up_to_a_limit(store: Store) -> None:
    task = start(store)
    policy = Policy(max_attempts=15, backoff=timedelta(minutes=2))

    pauses = [failing.fail(store, task.id, 0, "boom", policy).pause for _ in range(5)]

    assert [pause // timedelta(minutes=1) for pause in pauses] == [2, 4, 8, 10, 10]


def test_the_last_error_is_kept_with_the_attempts(store: Store) -> None:
    task = start(store)

    for error in ("first", "second", "third"):
        failing.fail(store, task.id, 2, error, THRICE)

    assert errors_of(store, task) == [(2, 3, "third")]


def test_a_long_error_is_cut(store: Store) -> None:
    task = start(store)

    failing.fail(store, task.id, 0, "ä" * 10_000)

    assert errors_of(store, task) == [(0, 1, "ä" * failing.LONGEST_ERROR)]


def test_only_so_many_errors_are_kept_and_every_step_that_gave_up(real_store: Store) -> None:
    task = start(real_store, ERRORS_KEPT + 2)

    for step in range(ERRORS_KEPT + 1):
        failing.fail(real_store, task.id, step, "boom")

    found = errors_of(real_store, task)
    assert len(found) == ERRORS_KEPT + 1
    assert [step for step, _, error in found if error is None] == [ERRORS_KEPT]


def test_failing_a_step_that_is_done_changes_nothing(store: Store, client: Redis) -> None:
    task = start(store)
    lifecycle.report(store, task.id, [0])
    before = client.hgetall(keys.record(task.id))

    answer = failing.fail(store, task.id, 0, "boom")

    assert (answer.gave_up, answer.left, answer.failed) == (False, 2, 0)
    assert client.hgetall(keys.record(task.id)) == before


def test_failing_a_step_that_gave_up_changes_nothing(store: Store, client: Redis) -> None:
    task = start(store)
    failing.fail(store, task.id, 0, "boom")
    before = client.hgetall(keys.record(task.id))

    answer = failing.fail(store, task.id, 0, "again")

    assert (answer.gave_up, answer.left, answer.failed) == (False, 2, 1)
    assert client.hgetall(keys.record(task.id)) == before
    assert errors_of(store, task) == [(0, 1, "boom")]


def test_failing_a_step_of_an_ended_task_changes_nothing(store: Store, client: Redis) -> None:
    done, cancelled = start_done(store), start(store)
    lifecycle.cancel(store, cancelled.id)

    states = [failing.fail(store, task.id, 1, "boom").state for task in (done, cancelled)]

    assert states == [State.DONE, State.CANCELLED]
    assert not any(client.exists(*keys.of_failures(task.id)) for task in (done, cancelled))


@pytest.mark.parametrize("step", [-1, 3, 4, 2**32 - 1])
def test_a_step_out_of_range_is_named_with_its_bound(store: Store, step: int) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"step {step} .* 0 to 2"):
        failing.fail(store, task.id, step, "boom")

    assert now(store, task).failed == 0


def test_a_failure_of_an_unknown_task_makes_no_key(store: Store, client: Redis) -> None:
    with pytest.raises(NotFound):
        failing.fail(store, "never", 0, "boom")

    assert client.keys() == []


def test_a_failure_of_an_expired_task_makes_no_key(store: Store, client: Redis) -> None:
    task = start(store)
    expire(client, task)

    with pytest.raises(NotFound):
        failing.fail(store, task.id, 0, "boom")

    assert not client.exists(*keys.of_failures(task.id))


def test_a_failure_of_an_earlier_task_under_the_id_is_not_for_this_one(store: Store) -> None:
    old = start(store, task_id="same")
    lifecycle.delete(store, old.id)
    start(store, task_id="same")

    with pytest.raises(NotFound):
        failing.fail(store, old.id, 0, "boom", nonce=old.nonce)

    assert now(store, old).failed == 0


def test_the_last_missing_step_giving_up_ends_the_task_once(store: Store) -> None:
    task = start(store)
    lifecycle.report(store, task.id, [0, 1])

    answers = [failing.fail(store, task.id, 2, "boom") for _ in range(2)]

    assert [(answer.completed_task, answer.state) for answer in answers] == [
        (True, State.FAILED),
        (False, State.FAILED),
    ]


def test_the_same_call_again_hears_that_it_ended_the_task(store: Store) -> None:
    task = start(store, 1)

    answers = [failing.fail(store, task.id, 0, "boom", token="mine") for _ in range(2)]

    assert [answer.completed_task for answer in answers] == [True, True]


def test_steps_that_gave_up_and_were_done_after_all_leave_a_task_done(store: Store) -> None:
    task = start(store)
    failing.fail(store, task.id, 0, "boom")

    reports = [lifecycle.report(store, task.id, [step]) for step in (0, 1, 2)]

    assert [(report.completed_task, report.state) for report in reports][-1] == (True, State.DONE)


def test_a_report_to_a_failed_task_is_recorded_and_does_not_change_its_state(store: Store) -> None:
    task = start(store, 2)
    for step in (0, 1):
        failing.fail(store, task.id, step, "boom")

    report = lifecycle.report(store, task.id, [0])

    assert (report.fresh, report.completed_task, report.state) == (1, False, State.FAILED)
    assert (now(store, task).failed, now(store, task).done_steps) == (1, 1)


def test_what_gave_up_is_not_missing(store: Store) -> None:
    task = start(store, 20)
    lifecycle.report(store, task.id, [0, 19])

    for step in (5, 8):
        failing.fail(store, task.id, step, "boom")

    assert missing_ranges(store, task) == [(1, 5), (6, 8), (9, 19)]


def test_a_bit_set_by_other_hands_on_a_step_that_gave_up_is_found_by_recounting(
    store: Store, client: Redis
) -> None:
    task = start(store)
    failing.fail(store, task.id, 0, "boom")
    set_by_other_hands(client, task, 0)

    report = lifecycle.recount(store, task)

    assert (report.left, now(store, task).failed, now(store, task).done_steps) == (2, 0, 1)


def test_the_last_failure_ends_a_task_though_other_hands_did_a_step_that_gave_up(
    store: Store, client: Redis
) -> None:
    task = start(store, 2)
    failing.fail(store, task.id, 0, "boom")
    set_by_other_hands(client, task, 0)

    answer = failing.fail(store, task.id, 1, "boom")

    assert (answer.completed_task, answer.state) == (True, State.FAILED)
    assert (answer.left, answer.failed, answer.done_steps) == (0, 1, 1)


def test_a_success_and_a_failure_that_race_end_the_task_once(real_store: Store) -> None:
    for _ in range(50):
        task = start(real_store, 2)
        together = threading.Barrier(2)

        def report(task_id: str = task.id, together: threading.Barrier = together) -> bool:
            together.wait(10)
            return lifecycle.report(real_store, task_id, [0]).completed_task

        def fail(task_id: str = task.id, together: threading.Barrier = together) -> bool:
            together.wait(10)
            return failing.fail(real_store, task_id, 1, "boom").completed_task

        with ThreadPoolExecutor(2) as threads:
            ended = [threads.submit(report), threads.submit(fail)]

        assert sorted(each.result() for each in ended) == [False, True]
        assert now(real_store, task).state is State.FAILED


def test_every_key_of_failures_has_a_life(store: Store, client: Redis) -> None:
    task = start(store)

    for step in (0, 1, 2):
        failing.fail(store, task.id, step, "boom", THRICE)
        failing.fail(store, task.id, step, "boom")

    assert client.exists(*keys.of_failures(task.id)) == 3
    assert keys_without_ttl(client) == set()


def test_a_late_success_leaves_the_failures_their_life(store: Store, client: Redis) -> None:
    task = start(store)
    for step in (0, 1):
        failing.fail(store, task.id, step, "boom")

    lifecycle.report(store, task.id, [0])

    assert keys_without_ttl(client) == set()


def test_deleting_a_task_drops_what_its_failures_left(store: Store, client: Redis) -> None:
    task = start(store)
    failing.fail(store, task.id, 0, "boom")

    lifecycle.delete(store, task.id)

    assert not client.exists(*keys.of_failures(task.id))


def test_a_task_does_not_inherit_the_failures_of_an_expired_one_under_its_id(
    store: Store, client: Redis
) -> None:
    old = start(store, task_id="same")
    failing.fail(store, old.id, 0, "boom")
    expire(client, old)

    new = start(store, task_id="same")

    assert not client.exists(*keys.of_failures(new.id))
    assert failing.fail(store, new.id, 0, "boom").gave_up
