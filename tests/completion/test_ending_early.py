"""Cancelling and deleting a task, and what its steps may still do afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from donebit.completion import lifecycle, listing, reporting
from donebit.completion.listing import Filter
from donebit.completion.reporting import MAX_STEPS_PER_REPORT
from donebit.completion.state import State
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store import Store
from tests.completion.arranged import missing_ranges, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_in_use


def test_a_running_task_is_cancelled_now(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 3)
    reporting.report(store, task.id, [1])
    hand_moved_clock.forward(seconds=7)

    cancelled = lifecycle.cancel(store, task.id)

    assert (cancelled.state, cancelled.missing_steps) == (State.CANCELLED, 2)
    assert cancelled.ended_at == hand_moved_clock.moment
    assert cancelled == now(store, task)


def test_steps_that_come_after_the_cancelling_are_recorded_and_end_nothing(store: Store) -> None:
    task = start(store, 3)
    lifecycle.cancel(store, task.id)

    late = [reporting.report(store, task.id, [step]) for step in (0, 0, 1, 2)]

    assert [report.fresh for report in late] == [1, 0, 1, 1]
    assert {(report.completed_task, report.state) for report in late} == {(False, State.CANCELLED)}
    assert missing_ranges(store, task) == []
    assert reporting.recount(store, task).state is State.CANCELLED


def test_a_task_can_be_cancelled_once(store: Store) -> None:
    task = start(store, 3)
    lifecycle.cancel(store, task.id)

    with pytest.raises(Conflict, match=f"task {task.id} is cancelled; only a running task"):
        lifecycle.cancel(store, task.id)


def test_a_done_task_cannot_be_cancelled_and_stays_done(store: Store) -> None:
    task = start_done(store, 3)

    with pytest.raises(Conflict, match=f"task {task.id} is done; only a running task"):
        lifecycle.cancel(store, task.id)

    assert now(store, task).state is State.DONE


@pytest.mark.parametrize("state", State)
def test_a_deleted_task_leaves_nothing(store: Store, client: Redis, state: State) -> None:
    task = start_done(store) if state is State.DONE else start(store)
    if state is State.CANCELLED:
        lifecycle.cancel(store, task.id)

    lifecycle.delete(store, task.id)

    assert keys_in_use(client) == []
    assert listing.list_tasks(store, Filter(), limit=1).tasks == []


def test_a_task_is_deleted_once(store: Store) -> None:
    task = start(store)
    lifecycle.delete(store, task.id)

    with pytest.raises(NotFound):
        lifecycle.delete(store, task.id)


ASKED: dict[str, Callable[[Store, str], object]] = {
    "look": lifecycle.get_task,
    "report": lambda store, task_id: reporting.report(store, task_id, [0]),
    "cancel": lifecycle.cancel,
    "delete": lifecycle.delete,
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_an_unknown_task_is_named(store: Store, client: Redis, asked: Callable[[Store, str], object]) -> None:
    with pytest.raises(NotFound, match="no task never-started is known, or it has expired"):
        asked(store, "never-started")

    assert keys_in_use(client) == []


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_is_no_task_id_is_refused_with_the_rule_for_names(
    store: Store, asked: Callable[[Store, str], object]
) -> None:
    with pytest.raises(InvalidInput, match=r"task_id is 'a}b'; it must be 1 to 100 of A-Z a-z 0-9 \. _ -"):
        asked(store, "a}b")


@pytest.mark.parametrize(("first", "after"), [(2, 2), (2, 1), (-1, 1)])
def test_a_range_that_is_none_is_named(store: Store, first: int, after: int) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"range \[{first}, {after}\) is empty, runs backwards or starts"):
        reporting.report(store, task.id, [0], [(first, after)])

    assert now(store, task).done_steps == 0


@pytest.mark.parametrize(
    ("steps", "ranges"),
    [(MAX_STEPS_PER_REPORT + 1, 0), (0, MAX_STEPS_PER_REPORT + 1), (MAX_STEPS_PER_REPORT, 1)],
)
def test_a_report_too_large_is_refused_with_its_size_and_the_bound(
    store: Store, steps: int, ranges: int
) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=f"{MAX_STEPS_PER_REPORT + 1} steps and ranges .* at most 10000"):
        reporting.report(store, task.id, [0] * steps, [(0, 1)] * ranges)

    assert now(store, task).done_steps == 0


def test_the_largest_report_is_taken(real_store: Store) -> None:
    count = 2 * MAX_STEPS_PER_REPORT
    task = start(real_store, count)

    singles = reporting.report(real_store, task.id, range(0, count, 2))
    ranges = reporting.report(real_store, task.id, ranges=[(step, step + 1) for step in range(1, count, 2)])

    assert (singles.fresh, ranges.fresh, ranges.completed_task) == (
        MAX_STEPS_PER_REPORT,
        MAX_STEPS_PER_REPORT,
        True,
    )
