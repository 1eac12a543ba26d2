"""A look at every open task, until its end is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import fanout, lifecycle
from donebit.completion.announcing import announce
from donebit.completion.fanout import Slice
from donebit.completion.state import State
from donebit.completion.sweeping import CHECK_EVERY, MAX_PRUNED_PER_SWEEP, Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import StoreUnavailable
from donebit.store import Store, keys
from donebit.store.tasks import TaskStore
from tests.completion.arranged import expire, life_left, now, set_by_other_hands, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.key_by_key import move

LIVES = TaskTtls(open=timedelta(days=5), ended=timedelta(hours=6))
ALL_AT_ONCE = CHECK_EVERY.total_seconds()


def nowhere(_: Task, __: Sequence[Slice]) -> None:
    """Where messages go that nobody takes."""


def told(_: Task) -> None:
    """Whoever hears of the end."""


def look_now(
    store: Store, hands: HandMovedClock, *, after_seconds: float = ALL_AT_ONCE
) -> RecordingPublisher:
    """One sweep, after that long."""
    hands.forward(seconds=after_seconds)
    publisher = RecordingPublisher()
    Sweep(store, publisher, LIVES).run()
    return publisher


def test_a_task_is_looked_at_when_its_look_is_due_and_again_after_a_while(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start(store)
    sweep = Sweep(store, RecordingPublisher(), LIVES)

    looked_at = []
    for _ in range(6):
        looked_at.append(sweep.run())
        hand_moved_clock.forward(seconds=CHECK_EVERY.total_seconds() / 2)

    assert looked_at == [0, 0, 1, 0, 1, 0]


def test_a_task_that_moves_needs_nothing(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, job="demo")
    fanout.fan_out(store, task, nowhere)

    assert look_now(store, hand_moved_clock).empty


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_end_that_nobody_told_is_announced_until_somebody_has(
    store: Store, hand_moved_clock: HandMovedClock, *, cancelled: bool
) -> None:
    task = start(store) if cancelled else start_done(store)
    if cancelled:
        lifecycle.cancel(store, task.id)

    untold = [look_now(store, hand_moved_clock).announced for _ in range(2)]
    announce(store, task.id, told)

    assert untold == [[task.id], [task.id]]
    assert look_now(store, hand_moved_clock).empty


def test_an_end_that_was_told_and_not_closed_is_closed_and_not_told_again(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store)
    store.tasks.update_record(task.id, task.nonce, task.run, {"announced_at": 1})

    publisher = look_now(store, hand_moved_clock)

    assert publisher.empty
    assert store.task_index.sizes().open == 0


def test_bits_set_by_other_hands_are_counted(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 9)
    set_by_other_hands(client, task, 0, 8)

    publisher = look_now(store, hand_moved_clock)

    assert publisher.empty
    assert now(store, task).done_steps == 2


def test_a_task_finished_by_other_hands_is_announced(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 2)
    set_by_other_hands(client, task, 0, 1)

    publisher = look_now(store, hand_moved_clock)

    assert publisher.announced == [task.id]
    assert now(store, task).state is State.DONE


def test_a_task_that_was_never_fanned_out_is_dispatched_until_it_is(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, job="demo")

    never = [look_now(store, hand_moved_clock).dispatched for _ in range(2)]
    fanout.fan_out(store, task, nowhere)

    assert never == [[task.id], [task.id]]
    assert look_now(store, hand_moved_clock).empty


def test_a_task_whose_steps_come_from_elsewhere_is_not_dispatched(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start(store)

    assert look_now(store, hand_moved_clock).empty


def test_a_task_just_started_is_left_to_whoever_started_it(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, job="demo")
    publisher = RecordingPublisher()
    hand_moved_clock.forward(seconds=CHECK_EVERY.total_seconds() - 0.001)

    Sweep(store, publisher, LIVES).check(task.id, hand_moved_clock.moment)

    assert publisher.empty


def test_a_start_that_dies_halfway_leaves_only_an_index_entry(
    store: Store, monkeypatch: pytest.MonkeyPatch, hand_moved_clock: HandMovedClock
) -> None:
    indexed = []

    def die(*_: object) -> None:
        indexed.append(store.task_index.sizes())
        raise StoreUnavailable("it died here")

    monkeypatch.setattr(TaskStore, "start_task", die)
    with pytest.raises(StoreUnavailable):
        start(store)
    look_now(store, hand_moved_clock)

    assert indexed == [(1, 1)]
    assert store.task_index.sizes() == (0, 0)


@pytest.mark.parametrize("gone", ["bitmap", "both"])
def test_an_expired_task_leaves_both_indexes(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, gone: str
) -> None:
    task = start(store)
    expire(client, task)
    if gone == "both":
        client.delete(keys.record(task.id))

    publisher = look_now(store, hand_moved_clock)

    assert publisher.empty
    assert store.task_index.sizes() == (0, 0)


def test_one_task_that_is_gone_keeps_no_other_from_being_looked_at(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    gone, ended = start(store, task_id="a"), start_done(store, task_id="b")
    expire(client, gone)

    assert look_now(store, hand_moved_clock).announced == [ended.id]


def test_an_open_task_is_kept_alive_by_the_sweep(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, ttls=LIVES)
    indexes = [store.task_shards.key(one, task.id) for one in (keys.OPEN_TASKS, keys.ALL_TASKS)]
    names = [keys.bitmap(task.id), keys.record(task.id), *indexes]
    for name in names:
        client.pexpire(name, timedelta(hours=1))

    look_now(store, hand_moved_clock)

    assert all(life_left(client, name) > timedelta(days=4) for name in names)


def test_an_ended_task_is_not_kept_alive_by_the_sweep(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store, ttls=LIVES)
    announce(store, task.id)

    look_now(store, hand_moved_clock)

    assert life_left(client, keys.record(task.id)) <= LIVES.ended


def test_a_task_that_cannot_be_read_keeps_no_other_from_being_looked_at(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    strange = start(store, task_id="strange")
    client.hset(keys.record(strange.id), "state", "a state of a later version")
    ended = start_done(store, task_id="ended")

    publisher = look_now(store, hand_moved_clock)

    assert publisher.announced == [ended.id]
    assert f"task {strange.id} cannot be checked" in caplog.text
    assert store.task_index.open_tasks(2**53, 10)[-1] == strange.id


@pytest.mark.own_keys("donebit:done:{a b}*")
@pytest.mark.parametrize("name", [".", "..", "a b"])
def test_a_name_that_is_refused_today_stops_no_sweep(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, name: str
) -> None:
    old, ended = start_done(store, task_id="old"), start_done(store, task_id="ended")
    move(client, keys.record(old.id), keys.record(name))
    client.pexpire(keys.record(name), LIVES.index)
    store.task_index.unindex_task(old.id)
    store.task_index.index_task(name, 0, 0, LIVES.index)

    publisher = look_now(store, hand_moved_clock)

    assert ended.id in publisher.announced
    assert (name in publisher.announced) == (" " not in name)  # only the name with a blank never was one


def test_what_expired_behind_many_that_live_is_pruned_in_the_end(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    for _ in range(MAX_PRUNED_PER_SWEEP + 1):
        start(store)
    start(store, task_id="expired")
    client.delete(keys.record("expired"), keys.bitmap("expired"))
    assert store.task_index.close_task("expired", store.task_index.next_look("expired") or 0)
    hand_moved_clock.forward(minutes=2)

    for _ in range(50):  # each looks at nearly all of them
        Sweep(store, RecordingPublisher(), LIVES).prune(clock.now())

    assert store.task_index.sizes()[1] == MAX_PRUNED_PER_SWEEP + 1
