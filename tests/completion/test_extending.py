"""A running task given more steps: the marker moves in one act, and only the new ones are sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.completion import failing, healing, lifecycle
from shared.completion.fanout import Slice
from shared.completion.task import State, Task
from shared.errors import Conflict, InvalidInput, NotFound
from shared.store import Store, keys
from tests.completion.arranged import BYTE_BORDERS, MAX_STEPS, missing_ranges, now, start, start_done
from tests.conftest import keys_without_ttl


def extend(store: Store, task: Task, count: int) -> tuple[Task, int]:
    return failing.extend(store, task.id, count, max_steps=MAX_STEPS)


@pytest.mark.parametrize("count", BYTE_BORDERS)
@pytest.mark.parametrize("more", [1, 7, 8, 9])
def test_the_marker_moves_at_byte_borders(store: Store, client: Redis, count: int, more: int) -> None:
    task = start(store, count)

    extended, before = extend(store, task, count + more)

    assert (extended.count, extended.left, before) == (count + more, count + more, count)
    assert client.bitcount(keys.bitmap(task.id)) == client.getbit(keys.bitmap(task.id), count + more) == 1
    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_an_extended_task_ends_with_its_last_new_step(store: Store, count: int) -> None:
    task = start(store, count + 1)
    lifecycle.report(store, task.id, ranges=[(0, count)])
    extend(store, task, count + 2)

    states = [lifecycle.report(store, task.id, [step]).state for step in (count + 1, count)]

    assert states == [State.RUNNING, State.DONE]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_task_is_not_extended_to_what_it_has_or_less(store: Store, count: int) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"count is {count}; it must be above 3"):
        extend(store, task, count)

    assert now(store, task).count == 3


@pytest.mark.parametrize("count", [0, MAX_STEPS + 1])
def test_a_count_out_of_bounds_is_named_with_its_bound(store: Store, count: int) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"count is {count}; it must be 1 to {MAX_STEPS}"):
        extend(store, task, count)


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_an_ended_task_is_not_extended(store: Store, state: State) -> None:
    task = start_done(store, 1) if state is State.DONE else start(store, 1)
    if state is State.FAILED:
        failing.fail(store, task.id, 0, "boom")
    if state is State.CANCELLED:
        lifecycle.cancel(store, task.id)

    with pytest.raises(Conflict, match=state):
        extend(store, task, 5)


def test_an_unknown_task_is_not_extended_and_leaves_no_key(store: Store, client: Redis) -> None:
    with pytest.raises(NotFound):
        failing.extend(store, "never", 5, max_steps=MAX_STEPS)

    assert client.keys() == []


def test_only_the_new_steps_are_sent(store: Store) -> None:
    task = start(store, 3)
    failing.fail(store, task.id, 1, "boom")
    sent: list[Slice] = []

    extended, before = extend(store, task, 5)
    healing.fan_out(store, extended, lambda _, part: sent.append(part), before)

    assert sent == [Slice(3, 4), Slice(4, 5)]


def test_what_gave_up_stays_given_up_when_a_task_is_extended(store: Store) -> None:
    task = start(store, 8)
    failing.fail(store, task.id, 7, "boom")

    extended, _ = extend(store, task, 10)

    assert (extended.failed, extended.left) == (1, 9)
    assert missing_ranges(store, task) == [(0, 7), (8, 10)]


@pytest.mark.parametrize("fails", [False, True])
def test_a_race_with_the_last_step_ends_the_task_or_extends_it(real_store: Store, fails: bool) -> None:
    for _ in range(50):
        task = start(real_store, 8)
        lifecycle.report(real_store, task.id, ranges=[(0, 7)])
        together = threading.Barrier(2)

        with ThreadPoolExecutor(2) as threads:
            ended = threads.submit(_end, real_store, task, together, fails)
            extended = threads.submit(_try_to_extend, real_store, task, together)

        assert ended.result() is not extended.result()
        assert now(real_store, task).ended is ended.result()
        if extended.result():
            assert lifecycle.report(real_store, task.id, [8]).completed_task


def _end(store: Store, task: Task, together: threading.Barrier, fails: bool) -> bool:
    together.wait(10)
    if fails:
        return failing.fail(store, task.id, 7, "boom").completed_task
    return lifecycle.report(store, task.id, [7]).completed_task


def _try_to_extend(store: Store, task: Task, together: threading.Barrier) -> bool:
    together.wait(10)
    try:
        extend(store, task, 9)
    except Conflict:
        return False
    return True
