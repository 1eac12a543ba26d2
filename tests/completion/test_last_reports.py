"""The last report of a message gives its lease up at once; what is missing of it is read as it is taken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from donebit.completion import failing, fanout, leases, lifecycle, missing, reporting
from donebit.completion.leases import Range
from donebit.completion.reporting import Report
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import NotFound
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from donebit.store.lease_values import Holder
from donebit.store.leases import BITS_AT_ONCE
from tests.completion.arranged import HOLDER, now, start

ONCE = RetryPolicy(1, timedelta(0))
OTHER = Holder(HOLDER.message_id, "host:2/bb", 22)


def started(store: Store, count: int = 8) -> Task:
    task = start(store, count, job="demo")
    fanout.fan_out(store, task, lambda *_: None)
    return now(store, task)


def missing_as_taken(store: Store, task: Task, *ranges: Range) -> list[Range] | None:
    held = leases.take(store, task.id, task.nonce, HOLDER, ranges)
    assert held is not None
    return held.missing


def report(store: Store, task: Task, *steps: int, token: str = "") -> Report:
    return reporting.report(store, task.id, steps, token=token or None, nonce=task.nonce, releasing=HOLDER)


@given(
    count=st.integers(1, 40),
    done=st.sets(st.integers(0, 39)),
    ends=st.tuples(st.integers(0, 39), st.integers(1, 40)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_missing_of_one_range_is_known_as_it_is_taken(
    real_store: Store, count: int, done: set[int], ends: Range
) -> None:
    task = started(real_store, count)
    reporting.report(real_store, task.id, [step for step in done if step < count - 1])
    first = min(ends[0], count - 1)
    stop = min(count, first + ends[1])

    found = missing_as_taken(real_store, task, (first, stop))

    assert found == list(missing.iterate(real_store, task, first, stop))


def test_of_several_ranges_or_a_long_one_it_is_read_later(store: Store) -> None:
    long = 8 * BITS_AT_ONCE + 1
    task = started(store, long)

    assert missing_as_taken(store, task, (0, 2), (4, 6)) is None
    assert missing_as_taken(store, task, (0, long)) is None
    assert missing_as_taken(store, task, (0, long - 1)) == [(0, long - 1)]


def test_of_a_range_that_others_hold_part_of_it_is_read_later(store: Store) -> None:
    task = started(store)
    leases.take(store, task.id, task.nonce, Holder("message-2", "host:2/bb", 22), [(2, 4)])

    assert missing_as_taken(store, task, (0, 4)) is None


def test_of_a_task_with_steps_that_gave_up_it_is_read_later(store: Store) -> None:
    task = started(store)
    failing.fail(store, task.id, 1, "an error", ONCE, nonce=task.nonce)

    assert missing_as_taken(store, task, (0, 8)) is None


@pytest.mark.parametrize("steps", [(3,), (3, 4)])
def test_the_last_report_marks_its_steps_and_gives_the_lease_up(store: Store, steps: tuple[int, ...]) -> None:
    task = started(store)
    missing_as_taken(store, task, (0, 8))

    reported = report(store, task, *steps)

    assert (reported.fresh, reported.missing_steps) == (len(steps), 8 - len(steps))
    assert list(missing.iterate(store, task, 3, 5)) == ([(4, 5)] if len(steps) == 1 else [])
    assert store.leases.of_task(task.id) == []
    assert store.leases.lapsed_leases() == []


def test_the_last_report_ends_the_task_once_however_often_it_is_sent(store: Store) -> None:
    task = started(store, 2)
    missing_as_taken(store, task, (0, 2))

    ends = [report(store, task, 0, 1, token=token) for token in ("one", "one", "another")]

    assert [end.completed_task for end in ends] == [True, True, False]
    assert {end.state for end in ends} == {State.DONE}
    assert store.leases.of_task(task.id) == []


@pytest.mark.parametrize("failed", [1, 3])
def test_it_does_so_in_a_task_with_steps_that_gave_up(store: Store, failed: int) -> None:
    task = started(store)
    missing_as_taken(store, task, (0, 8))
    failing.fail(store, task.id, failed, "an error", ONCE, nonce=task.nonce)

    reported = report(store, task, 3)

    assert (reported.fresh, reported.failed_steps) == (1, int(failed != 3))
    assert store.leases.of_task(task.id) == []


def test_a_failed_task_is_prepared_and_becomes_done_by_it(store: Store) -> None:
    task = started(store, 2)
    missing_as_taken(store, task, (0, 2))
    reporting.report(store, task.id, [0])
    failing.fail(store, task.id, 1, "an error", ONCE, nonce=task.nonce)

    reported = report(store, task, 1)

    assert (reported.completed_task, reported.state) == (True, State.DONE)
    assert store.leases.of_task(task.id) == []


def test_where_nothing_is_marked_the_lease_stays(store: Store) -> None:
    task = started(store)
    missing_as_taken(store, task, (0, 8))

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [3], nonce="of another task", releasing=HOLDER)

    assert [one.message_id for one in store.leases.of_task(task.id)] == [HOLDER.message_id]


def test_a_lease_that_another_process_has_by_now_stays(store: Store) -> None:
    task = started(store)
    leases.take(store, task.id, task.nonce, OTHER, [(0, 8)])

    assert report(store, task, 3).fresh == 1

    assert [(one.worker, one.pid) for one in store.leases.of_task(task.id)] == [(OTHER.worker, OTHER.pid)]


def test_a_deleted_task_leaves_no_key_by_its_last_report(store: Store) -> None:
    task = started(store)
    missing_as_taken(store, task, (0, 8))
    lifecycle.cancel(store, task.id)
    lifecycle.delete(store, task.id)

    with pytest.raises(NotFound):
        report(store, task, 3)

    assert store.leases.of_task(task.id) == []
