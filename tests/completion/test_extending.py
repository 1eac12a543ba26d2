"""A running task gets more steps: its end marker moves in one act."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from donebit.completion import failing, fanout, lifecycle, reporting, resuming
from donebit.completion.fanout import Slice
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store import Store
from tests.completion.arranged import BYTE_BORDERS, MAX_STEPS, missing_ranges, now, start, start_done


def extend(store: Store, task: Task, count: int) -> tuple[Task, int]:
    return resuming.extend(store, task.id, Extension(count), max_steps=MAX_STEPS)


def delete_once(store: Store, task: Task) -> None:
    with suppress(NotFound):
        lifecycle.delete(store, task.id)


@pytest.mark.parametrize("count", BYTE_BORDERS)
@pytest.mark.parametrize("more", [1, 7, 8, 9])
def test_an_extended_task_is_done_with_its_new_last_step(store: Store, count: int, more: int) -> None:
    task = start(store, count)
    reporting.report(store, task.id, ranges=[(0, count - 1)] if count > 1 else ())

    extended, before = extend(store, task, count + more)
    old_last = reporting.report(store, task.id, [count - 1])
    missing = missing_ranges(store, task)
    last = reporting.report(store, task.id, ranges=[(count, count + more)])

    assert (extended.count, before, extended.missing_steps) == (count + more, count, more + 1)
    assert (old_last.state, missing) == (State.RUNNING, [(count, count + more)])
    assert (last.completed_task, last.state) == (True, State.DONE)


def test_only_the_new_steps_are_sent(store: Store) -> None:
    task = start(store, 10)
    extended, before = extend(store, task, 13)
    sent: list[Slice] = []

    fanout.fan_out(store, extended, lambda _, parts: sent.extend(parts), before)

    assert sent == [Slice(10, 11), Slice(11, 12), Slice(12, 13)]


def test_steps_added_before_the_first_fan_out_are_sent_by_it_alone(
    store: Store,
) -> None:
    before = start(store, 10, job="demo")
    extended, first = extend(store, before, 13)
    due = [fanout.is_due(extended, first), fanout.is_due(extended, 0)]
    sent: list[Slice] = []

    fanout.fan_out(store, extended, lambda _, parts: sent.extend(parts))

    assert due == [False, True]
    assert sent == [Slice(step, step + 1) for step in range(13)]
    assert [fanout.is_due(now(store, extended), asked) for asked in (first, 0)] == [True, False]


def test_what_a_task_was_extended_by_while_it_is_fanned_out_is_sent_too(store: Store) -> None:
    task = start(store, 3, job="demo")
    sent: list[Slice] = []

    def send(_: Task, parts: Sequence[Slice]) -> None:
        sent.extend(parts)
        if parts[0].start == 0:
            extended, first = extend(store, task, 5)
            assert not fanout.is_due(extended, first)

    fanout.fan_out(store, task, send)

    assert sent == [Slice(step, step + 1) for step in range(5)]


def test_a_task_deleted_while_it_is_fanned_out_is_let_go(store: Store) -> None:
    task = start(store, 2, job="demo")

    assert fanout.fan_out(store, task, lambda *_: delete_once(store, task)) == 2


def test_the_same_order_still_finds_an_extended_task(store: Store) -> None:
    task = start(store, 3, task_id="again")
    extend(store, task, 5)

    again = start(store, 3, task_id="again")

    assert (again.nonce, again.count) == (task.nonce, 5)


@pytest.mark.parametrize(
    ("count", "why"),
    [
        (0, "count is 0; it must be above 3, which the task has"),
        (3, "count is 3; it must be above 3, which the task has"),
        (2, "count is 2; it must be above 3, which the task has"),
        (MAX_STEPS + 1, "count is 10000001; it must be 0 to 10000000"),
    ],
)
def test_a_count_that_is_not_more_changes_nothing(store: Store, count: int, why: str) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=why):
        extend(store, task, count)

    assert reporting.report(store, task.id, [0, 1, 2]).state is State.DONE


def test_only_a_running_task_is_extended(store: Store) -> None:
    done, failed = start_done(store), start(store, 1)
    failing.fail(store, failed.id, 0, "no")

    for task, state in ((done, "done"), (failed, "failed")):
        with pytest.raises(Conflict, match=f"task {task.id} is {state}; only a running task can be extended"):
            extend(store, task, 9)
    with pytest.raises(NotFound):
        resuming.extend(store, "never", Extension(9), max_steps=MAX_STEPS)


def test_the_last_step_and_an_extension_at_once_leave_no_task_in_between(real_store: Store) -> None:
    def extends(task: Task) -> bool:
        try:
            extend(real_store, task, 4)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for _ in range(60):
            task = start(real_store, 2)
            reporting.report(real_store, task.id, [0])
            extended = threads.submit(extends, task)
            ended = threads.submit(reporting.report, real_store, task.id, [1]).result().completed_task

            assert extended.result() is not ended
            if not ended:
                assert reporting.report(real_store, task.id, [2, 3]).completed_task
            assert now(real_store, task).state is State.DONE
