"""A step that fails is tried again, then given up; the task ends when each step is done or has given up."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import failing, lifecycle, reporting
from donebit.completion.announcing import announce
from donebit.completion.failing import COUNTED_AHEAD, LONGEST_PAUSE, Failure
from donebit.completion.state import State
from donebit.completion.sweeping import CHECK_EVERY, Sweep
from donebit.completion.task import Task
from donebit.errors import InvalidInput, NotFound
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from donebit.store.failures import ERRORS_KEPT
from tests.completion.arranged import (
    BYTE_BORDERS,
    TTLS,
    expire,
    life_left,
    missing_ranges,
    now,
    set_by_other_hands,
    start,
    start_done,
)
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.conftest import keys_in_use, keys_without_ttl

THRICE = RetryPolicy(max_attempts=3, backoff=timedelta(seconds=2))


def give_up(store: Store, task: Task, step: int, error: str = "no more") -> Failure:
    return failing.fail(store, task.id, step, error)


def given_up(store: Store, task: Task) -> list[int]:
    return [one.step for one in failing.list_failures(store, now(store, task), limit=100).failures]


def test_a_step_gives_up_at_its_last_attempt_and_pauses_double(store: Store) -> None:
    task = start(store, 3)

    made = [failing.fail(store, task.id, 1, "again", THRICE) for _ in range(3)]

    assert [(one.attempts, one.gave_up) for one in made] == [(1, False), (2, False), (3, True)]
    assert [one.pause.total_seconds() for one in made] == [2, 4, 8]
    assert (now(store, task).failed_steps, now(store, task).missing_steps) == (1, 2)


def test_a_pause_is_never_longer_than_the_longest(store: Store) -> None:
    task = start(store, 3)
    patient = RetryPolicy(max_attempts=15, backoff=timedelta(minutes=3))

    pauses = [failing.fail(store, task.id, 0, "again", patient).pause for _ in range(5)]

    assert pauses[-1] == LONGEST_PAUSE == max(pauses)


def test_an_attempt_that_was_counted_before_it_began_is_not_counted_twice(store: Store) -> None:
    task = start(store, 3)
    store.failures.begin_attempt(task.id, task.nonce, 0, max_attempts=3)

    made = failing.fail(store, task.id, 0, "again", THRICE, attempt=COUNTED_AHEAD)

    assert made.attempts == 1


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_a_task_ends_as_failed_when_its_last_step_gives_up(store: Store, count: int) -> None:
    task = start(store, count)
    reporting.report(store, task.id, ranges=[(0, count - 1)] if count > 1 else (), steps=())

    made = give_up(store, task, count - 1)

    assert (made.completed_task, made.state, made.done_steps) == (True, State.FAILED, count - 1)
    assert now(store, task).end_name == f"{task.id}.1.failed"


def test_a_task_fails_when_its_last_step_is_done_and_another_gave_up(store: Store) -> None:
    task = start(store, 3)
    give_up(store, task, 0)

    first, last = (reporting.report(store, task.id, [step]) for step in (1, 2))

    assert (first.completed_task, first.state) == (False, State.RUNNING)
    assert (last.completed_task, last.state, last.done_steps) == (True, State.FAILED, 2)


def test_a_step_that_gave_up_and_is_done_after_all_is_done(store: Store) -> None:
    task = start(store, 3)
    give_up(store, task, 0)

    late = reporting.report(store, task.id, [0])
    last = reporting.report(store, task.id, ranges=[(1, 3)])

    assert (late.fresh, late.done_steps, last.state) == (1, 1, State.DONE)
    assert given_up(store, task) == []


def test_what_fails_late_changes_nothing(store: Store) -> None:
    task, ended = start(store, 3), start_done(store, 3)
    reporting.report(store, task.id, [0])
    give_up(store, task, 1)

    made = [give_up(store, task, 0), give_up(store, task, 1), give_up(store, ended, 1)]

    assert [(one.gave_up, one.completed_task) for one in made] == [(False, False)] * 3
    assert (now(store, task).done_steps, now(store, task).failed_steps, now(store, ended).failed_steps) == (
        1,
        1,
        0,
    )


def test_the_same_failure_reported_again_hears_that_it_ended_the_task(store: Store) -> None:
    task = start(store, 1)

    made = [failing.fail(store, task.id, 0, "no", token=token) for token in ("one", "one", "two")]

    assert [one.completed_task for one in made] == [True, True, False]


def test_the_same_report_made_again_hears_that_it_ended_the_task_as_failed(store: Store) -> None:
    task = start(store, 2)
    give_up(store, task, 0)

    made = [reporting.report(store, task.id, [1], token=token) for token in ("one", "one", "two")]

    assert [one.completed_task for one in made] == [True, True, False]


@pytest.mark.parametrize("step", [-1, 3, 2**32])
def test_a_step_out_of_range_changes_nothing(store: Store, client: Redis, step: int) -> None:
    task = start(store, 3)
    before = sorted(client.scan_iter())

    with pytest.raises(
        InvalidInput, match=rf"step {step} is not a step of task {task.id}: its steps are 0 to 2"
    ):
        give_up(store, task, step)

    assert sorted(client.scan_iter()) == before


def test_a_failure_of_an_unknown_task_makes_no_key(store: Store, client: Redis) -> None:
    with pytest.raises(NotFound):
        failing.fail(store, "never", 0, "no")
    assert store.failures.begin_attempt("never", "nonce", 0, max_attempts=3) == 0

    assert keys_in_use(client) == []


def test_a_message_of_an_earlier_task_under_the_same_id_fails_nothing(store: Store) -> None:
    old = start(store, task_id="again")
    lifecycle.delete(store, "again")
    new = start(store, task_id="again")

    with pytest.raises(NotFound):
        failing.fail(store, "again", 0, "no", nonce=old.nonce)

    assert (
        now(store, new).failed_steps,
        store.failures.begin_attempt("again", old.nonce, 0, max_attempts=3),
    ) == (
        0,
        0,
    )


def test_errors_are_kept_with_their_attempts_cut_to_a_length_and_paged(store: Store) -> None:
    task = start(store, 9)
    for step in (2, 5, 7):
        failing.fail(store, task.id, step, "first", THRICE)
        failing.fail(store, task.id, step, f"step {step} " + "x" * 1000, RetryPolicy(max_attempts=2))

    first = failing.list_failures(store, now(store, task), limit=2)
    rest = failing.list_failures(store, now(store, task), after=first.next or 0, limit=2)

    assert [(one.step, one.attempts) for one in first.failures] == [(2, 2), (5, 2)]
    assert [one.step for one in rest.failures] == [7]
    assert (first.next, rest.next) == (7, None)
    assert first.failures[0].error == ("step 2 " + "x" * 1000)[:500]


def test_only_so_many_errors_are_kept(real_store: Store, real_client: Redis) -> None:
    task = start(real_store, ERRORS_KEPT + 50)

    for step in range(ERRORS_KEPT + 20):
        give_up(real_store, task, step)

    last = failing.list_failures(real_store, now(real_store, task), after=ERRORS_KEPT + 10, limit=1).failures
    assert real_client.hlen(keys.errors(task.id)) == ERRORS_KEPT
    assert [(one.step, one.error) for one in last] == [(ERRORS_KEPT + 10, None)]
    assert now(real_store, task).failed_steps == ERRORS_KEPT + 20


def test_what_gave_up_is_not_missing(store: Store) -> None:
    task = start(store, 20)
    reporting.report(store, task.id, ranges=[(0, 5)])
    for step in (5, 9, 19):
        give_up(store, task, step)

    assert missing_ranges(store, task) == [(6, 9), (10, 19)]


def test_bits_that_other_hands_set_on_steps_that_gave_up_count(store: Store, client: Redis) -> None:
    task = start(store, 3)
    give_up(store, task, 0)
    set_by_other_hands(client, task, 0, 1, 2)

    reporting.recount(store, now(store, task))

    assert now(store, task).state is State.DONE


def test_no_key_of_a_failure_stays_longer_than_its_task(store: Store, client: Redis) -> None:
    task = start(store, 3)
    failing.fail(store, task.id, 0, "again", THRICE)
    give_up(store, task, 1)
    reporting.report(store, task.id, [2])

    assert keys_without_ttl(client) == set()
    for key in keys.of_failures(task.id):
        assert life_left(client, key) <= life_left(client, keys.record(task.id)) + timedelta(seconds=1)


def test_the_sweep_keeps_what_failed_alive_with_its_task(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 3)
    failing.fail(store, task.id, 0, "again", THRICE)
    give_up(store, task, 1)
    for key in keys.of_failures(task.id):
        client.pexpire(key, timedelta(minutes=1))
    hand_moved_clock.forward(seconds=CHECK_EVERY.total_seconds())

    Sweep(store, RecordingPublisher(), TTLS).run()

    assert all(life_left(client, key) > timedelta(days=6) for key in keys.of_failures(task.id))


def test_a_step_that_waits_for_its_next_attempt_is_no_stall(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 3, job="demo", stall_after=timedelta(seconds=10))
    store.tasks.update_record(task.id, task.nonce, task.run, {"dispatched_at": 1})
    failing.fail(store, task.id, 0, "again", RetryPolicy(max_attempts=3, backoff=timedelta(seconds=60)))

    probed = []
    for _ in range(7):
        hand_moved_clock.forward(seconds=10)
        publisher = RecordingPublisher()
        Sweep(store, publisher, TTLS).run()
        probed.append(bool(publisher.probed))

    assert probed == [False] * 6 + [True]


def test_a_delete_leaves_nothing_of_what_failed(store: Store, client: Redis) -> None:
    task = start(store, 3)
    give_up(store, task, 0)

    lifecycle.delete(store, task.id)

    assert list(client.scan_iter(f"*{task.id}*")) == []


def test_of_successes_and_failures_at_once_one_ends_the_task(real_store: Store) -> None:
    def act(job: tuple[str, int, bool]) -> bool:
        task_id, step, fails = job
        if fails:
            return failing.fail(real_store, task_id, step, "no").completed_task
        return reporting.report(real_store, task_id, [step]).completed_task

    dice = random.Random(20261121)
    tasks = [start(real_store, 16) for _ in range(60)]
    jobs = [(task.id, step, dice.random() < 0.2) for task in tasks for step in range(16)]
    jobs += dice.sample(jobs, len(jobs) // 4)
    dice.shuffle(jobs)

    with ThreadPoolExecutor(8) as threads:
        ends = [job[0] for job, ended in zip(jobs, threads.map(act, jobs), strict=True) if ended]

    assert sorted(ends) == sorted(task.id for task in tasks)
    for task in tasks:
        failed = {step for task_id, step, fails in jobs if task_id == task.id and fails}
        assert now(real_store, task).state is (State.FAILED if failed else State.DONE)
        assert given_up(real_store, task) == sorted(failed)


def test_an_attempt_counted_ahead_leaves_no_key_without_a_life(store: Store, client: Redis) -> None:
    task = start(store, 3)

    store.failures.begin_attempt(task.id, task.nonce, 0, max_attempts=3)

    assert keys_without_ttl(client) == set()


def test_what_failed_on_the_way_to_done_goes_with_the_tombstone(store: Store, client: Redis) -> None:
    task = start(store, 2)
    failing.fail(store, task.id, 0, "again", THRICE)
    reporting.report(store, task.id, [0, 1])

    announce(store, task.id, lambda _: None)

    assert 0 < life_left(client, keys.errors(task.id)).total_seconds() <= TTLS.ended.total_seconds()


def test_the_last_failure_ends_a_task_with_a_foreign_bit_on_a_failed_step(
    store: Store, client: Redis
) -> None:
    task = start(store, 2)
    failing.fail(store, task.id, 0, "boom")
    set_by_other_hands(client, task, 0)

    answer = failing.fail(store, task.id, 1, "boom")

    assert (answer.completed_task, answer.state) == (True, State.FAILED)
    assert (answer.missing_steps, answer.failed_steps, answer.done_steps) == (0, 1, 1)


def test_a_task_does_not_inherit_failures_of_an_expired_one_of_its_id(store: Store, client: Redis) -> None:
    old = start(store, task_id="same")
    failing.fail(store, old.id, 0, "boom")
    expire(client, old)

    new = start(store, task_id="same")

    assert not client.exists(*keys.of_failures(new.id))
    assert failing.fail(store, new.id, 0, "boom").gave_up
