"""A failed task resumed: only what is not done runs again, under its next run."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.completion import announcing, failing, lifecycle
from shared.completion.task import State, Task
from shared.errors import Conflict, NotFound
from shared.store import Store, keys
from tests.completion.arranged import missing_ranges, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_without_ttl


def start_failed(store: Store, count: int = 3) -> Task:
    """Its first step done, the others given up."""
    task = start(store, count)
    lifecycle.report(store, task.id, [0])
    for step in range(1, count):
        failing.fail(store, task.id, step, "boom")
    return now(store, task)


def test_a_resumed_task_runs_again_with_what_it_has_done(store: Store) -> None:
    task = start_failed(store)

    resumed = failing.resume(store, task.id)

    assert (resumed.state, resumed.run, resumed.left, resumed.failed) == (State.RUNNING, 2, 2, 0)
    assert missing_ranges(store, task) == [(1, 3)]


def test_a_resumed_task_forgets_its_failures(store: Store, client: Redis) -> None:
    task = start_failed(store)

    failing.resume(store, task.id)

    assert not client.exists(*keys.of_failures(task.id))
    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize("state", [State.RUNNING, State.DONE, State.CANCELLED])
def test_only_a_failed_task_can_be_resumed(store: Store, state: State) -> None:
    task = start_done(store) if state is State.DONE else start(store)
    if state is State.CANCELLED:
        lifecycle.cancel(store, task.id)

    with pytest.raises(Conflict, match=state):
        failing.resume(store, task.id)


def test_an_unknown_task_cannot_be_resumed_and_leaves_no_key(store: Store, client: Redis) -> None:
    with pytest.raises(NotFound):
        failing.resume(store, "never")

    assert client.keys() == []


def test_a_resumed_task_is_announced_again_under_its_next_run(store: Store) -> None:
    task = start_failed(store)
    told: list[str] = []
    announcing.announce(store, task.id, lambda ended: told.append(ended.announcement_id))

    failing.resume(store, task.id)
    lifecycle.report(store, task.id, [1, 2])
    announcing.announce(store, task.id, lambda ended: told.append(ended.announcement_id))

    assert told == [f"{task.id}.1.failed", f"{task.id}.2.done"]


def test_the_announcement_of_a_run_marks_nothing_of_the_next(store: Store) -> None:
    task = start_failed(store)

    announcing.announce(store, task.id, lambda _: _ended_again(store, task))

    assert now(store, task).announced_at is None


def _ended_again(store: Store, task: Task) -> None:
    failing.resume(store, task.id)
    lifecycle.report(store, task.id, [1, 2])


def test_a_task_resumed_just_as_its_end_is_noted_stays_open(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_failed(store)
    seen = store.tasks.next_look(task.id)
    hand_moved_clock.forward(seconds=1)
    failing.resume(store, task.id)

    closed = store.tasks.close_task(task.id, seen or 0)

    assert (closed, store.tasks.next_look(task.id) is None) == (False, False)


def test_of_two_who_resume_at_once_one_wins(real_store: Store) -> None:
    for _ in range(20):
        task = start_failed(real_store)
        together = threading.Barrier(2)

        with ThreadPoolExecutor(2) as threads:
            tries = [threads.submit(_resume_together, real_store, task, together) for _ in range(2)]

        assert sorted(each.result() for each in tries) == [False, True]
        assert now(real_store, task).run == 2


def _resume_together(store: Store, task: Task, together: threading.Barrier) -> bool:
    together.wait(10)
    try:
        failing.resume(store, task.id)
    except Conflict:
        return False
    return True


def test_a_failed_task_whose_steps_were_done_meanwhile_is_done_when_resumed(store: Store) -> None:
    task = start_failed(store)
    lifecycle.report(store, task.id, [1, 2])

    resumed = failing.resume(store, task.id)

    assert (resumed.state, resumed.run, resumed.announcement_id) == (State.DONE, 2, f"{task.id}.2.done")
