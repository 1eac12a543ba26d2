"""A task without steps: all of none are done, so it ends as it starts."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.completion import bitmap, failing, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.resuming import Extension
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.sweeping import CHECK_EVERY, Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, missing_ranges, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.conftest import keys_without_ttl


@pytest.mark.parametrize("job", [None, "demo"])
def test_a_task_without_steps_is_done_at_once(store: Store, client: Redis, job: str | None) -> None:
    task = start(store, 0, job=job)

    assert task == now(store, task)
    assert (task.state, task.count, task.done_steps, task.missing_steps) == (State.DONE, 0, 0, 0)
    assert task.ended_at == task.created_at
    assert lifecycle.get_task(store, task.id).reading.done
    assert not client.exists(keys.bitmap(task.id))
    assert keys_without_ttl(client) == set()


def test_its_end_is_announced_once(store: Store) -> None:
    task = start(store, 0)
    told: list[str] = []

    def deliver(ended: Task) -> None:
        told.append(ended.end_name)

    assert [announce(store, task.id, deliver) for _ in range(2)] == [True, False]
    assert told == [f"{task.id}.1.done"]


def test_the_sweep_announces_a_task_without_steps(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 0, job="demo")
    hand_moved_clock.forward(seconds=2 * CHECK_EVERY.total_seconds())
    publisher = RecordingPublisher()

    Sweep(store, publisher, TTLS).run()

    assert (publisher.announced, publisher.dispatched) == ([task.id], [])


def test_its_bitmap_is_the_end_marker_alone(store: Store) -> None:
    task = start(store, 0)

    assert bitmap.bitmap_bytes(store, task) == b"\x80"
    assert missing_ranges(store, task) == []
    assert failing.list_failures(store, task, limit=9).failures == []


def test_the_same_id_again_is_the_same_task_without_steps(store: Store) -> None:
    first = start(store, 0, task_id="none")

    again = lifecycle.start(store, TaskSpec(0), task_id="none", ttls=TTLS, max_steps=3)

    assert (again.fresh, again.task.nonce) == (False, first.nonce)
    with pytest.raises(Conflict):
        lifecycle.start(store, TaskSpec(1), task_id="none", ttls=TTLS, max_steps=3)


def test_it_has_no_step_and_stays_done(store: Store) -> None:
    task = start(store, 0)

    with pytest.raises(InvalidInput, match=rf"^task {task.id} has no steps$"):
        reporting.report(store, task.id, [0])
    with pytest.raises(InvalidInput, match=rf"^task {task.id} has no steps$"):
        failing.fail(store, task.id, 0, "no")
    for change in (
        lambda: lifecycle.cancel(store, task.id),
        lambda: resuming.resume(store, task.id, TTLS),
        lambda: resuming.extend(store, task.id, Extension(3), max_steps=9),
    ):
        with pytest.raises(Conflict):
            change()
    assert reporting.recount(store, task).state is State.DONE


def test_a_task_without_steps_replaces_what_an_expired_one_left(store: Store, client: Redis) -> None:
    old = start(store, 3, task_id="again")
    client.delete(keys.bitmap(old.id))

    task = start(store, 0, task_id="again")

    assert now(store, task).nonce == task.nonce != old.nonce
