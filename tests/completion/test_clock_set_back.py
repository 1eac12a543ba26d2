"""A server's clock that was ahead for a while and is set back: nothing waits until it is there again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import announcing, fanout, leases, permits, reclaiming, reporting
from donebit.completion.leases import Range
from donebit.completion.permits import Limit
from donebit.completion.sweeping import CHECK_EVERY, Sweep, takes_turn
from donebit.store import Store, keys
from donebit.store.client import SCRIPTS
from donebit.store.lease_values import Holder
from donebit.store.milliseconds import milliseconds
from tests.completion.arranged import HOLDER, TTLS, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

AHEAD = timedelta(hours=2)
OTHER = Holder("message-2", "host:2/bb", 22)


@pytest.fixture
def leased_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases and permits as they are once the clock that they were taken by has been set back."""
    monkeypatch.setattr(leases, "LEASE", AHEAD)
    monkeypatch.setattr(permits, "LEASE", AHEAD)


def test_a_sweep_begins_though_the_last_one_was_begun_ahead(store: Store, client: Redis) -> None:
    client.set(keys.SWEEPING, 1, px=milliseconds(AHEAD))  # a second, until the clock was set back

    assert takes_turn(store)
    assert not takes_turn(store)
    assert client.pttl(keys.SWEEPING) <= 1000


def test_open_tasks_are_looked_at_again(store: Store, hand_moved_clock: HandMovedClock) -> None:
    hand_moved_clock.forward(hours=2)
    task = start(store, 3, job="demo")
    hand_moved_clock.forward(hours=-2)
    publisher = RecordingPublisher()

    assert Sweep(store, publisher, TTLS).run() == 1

    next_look = store.task_index.next_look(task.id)
    assert next_look == clock.ms_since_epoch(clock.now() + CHECK_EVERY)
    assert Sweep(store, publisher, TTLS).run() == 0


def test_a_look_that_is_due_soon_is_left_alone(store: Store) -> None:
    task = start(store, 3)
    store.task_index.look_again(task.id, clock.now_ms() + milliseconds(clock.SET_BACK) - 1000)

    assert store.task_index.open_tasks(clock.now_ms(), 9) == []


def test_tasks_that_are_due_come_first(store: Store) -> None:
    ahead, due, more = (start(store, 3) for _ in range(3))
    for task, pause in ((ahead, AHEAD), (due, timedelta(0)), (more, timedelta(0))):
        store.task_index.look_again(task.id, clock.now_ms() + milliseconds(pause))

    assert set(store.task_index.open_tasks(clock.now_ms(), 2)) == {due.id, more.id}
    assert store.task_index.open_tasks(clock.now_ms(), 3)[2] == ahead.id


def test_a_task_that_stands_still_is_asked_about_after_its_stall_after(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.forward(hours=2)
    task = start(store, 3, job="demo", stall_after=timedelta(minutes=1))
    fanout.fan_out(store, task, lambda *_: None)
    reporting.report(store, task.id, [0])
    hand_moved_clock.forward(hours=-2)
    publisher = RecordingPublisher()

    probes: list[list[str]] = [[], [task.id]]
    for probed in probes:
        Sweep(store, publisher, TTLS).run()
        assert [one.id for one in publisher.probed] == probed
        hand_moved_clock.forward(seconds=70)


def test_a_retry_that_is_hours_away_is_no_clock_ahead(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 3, job="demo", stall_after=timedelta(minutes=1))
    fanout.fan_out(store, task, lambda *_: None)
    quiet = clock.ms_since_epoch(clock.now() + AHEAD)
    store.tasks.update_record(task.id, task.nonce, task.run, {"quiet_until": quiet})
    publisher = RecordingPublisher()
    hand_moved_clock.forward(minutes=30)

    Sweep(store, publisher, TTLS).run()

    assert (now(store, task).quiet_until, publisher.probed) == (clock.moment_of_ms(quiet), [])


def test_a_fan_out_begun_ahead_is_begun_again(store: Store, hand_moved_clock: HandMovedClock) -> None:
    hand_moved_clock.forward(hours=2)
    task = start(store, 3, job="demo")
    assert fanout.claim_fan_out(store, task)
    hand_moved_clock.forward(hours=-2)

    assert fanout.claim_fan_out(store, task)
    assert not fanout.claim_fan_out(store, task)


def test_an_announcement_begun_ahead_is_made_again(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 1)
    reporting.report(store, task.id, [0])
    hand_moved_clock.forward(hours=2)
    lease = timedelta(minutes=1)
    assert store.tasks.take_announcement(task.id, now_ms=clock.now_ms(), lease=lease)
    hand_moved_clock.forward(hours=-2)

    announcing.announce(store, task.id, lambda _: None)

    assert now(store, task).announced_at is not None


@pytest.mark.usefixtures("leased_for_hours")
def test_the_steps_of_a_process_that_died_meanwhile_are_sent_again(store: Store) -> None:
    task = start(store, 8, job="demo")
    fanout.fan_out(store, task, lambda *_: None)
    leases.take(store, task.id, task.nonce, HOLDER, [(0, 8)])
    sent: list[list[Range]] = []

    reclaiming.reclaim_lapsed(store, lambda _, ranges, __: sent.append(ranges))

    assert sent == [[(0, 8)]]
    assert store.leases.of_task(task.id) == []


@pytest.mark.usefixtures("leased_for_hours")
def test_steps_leased_ahead_are_not_taken_for_running(store: Store) -> None:
    task = start(store, 8, job="demo")
    leases.take(store, task.id, task.nonce, HOLDER, [(0, 8)])

    assert leases.running_steps(store, task.id) == []
    assert leases.describe_held(store, now(store, task)) == ""


@pytest.mark.usefixtures("leased_for_hours")
def test_steps_leased_ahead_can_be_taken_by_another(store: Store) -> None:
    task = start(store, 8, job="demo")
    leases.take(store, task.id, task.nonce, HOLDER, [(0, 8)])

    taken = leases.take(store, task.id, task.nonce, OTHER, [(0, 4)])

    assert taken is not None
    assert taken.ranges == [(0, 4)]


@pytest.mark.usefixtures("leased_for_hours")
def test_a_permit_of_a_process_that_died_meanwhile_is_free(store: Store) -> None:
    limits = [Limit("job", "resize", 1)]

    assert permits.take(store, limits, HOLDER)
    assert permits.take(store, limits, OTHER)


def test_clocks_noted_as_wrong_ahead_are_not_told(store: Store) -> None:
    now_ms = clock.now_ms()
    store.heartbeats.note_skew("gone:1", 7200_000, now_ms + milliseconds(AHEAD))
    store.heartbeats.note_skew("here:2", 7200_000, now_ms)

    assert set(store.heartbeats.skews_ms(now_ms - 1000)) == {"here:2"}


def test_scripts_and_python_know_one_bound() -> None:
    bounds = [
        int(bound)
        for file in SCRIPTS.glob("*.lua")
        for bound in re.findall(r"(?:now \+|left <) (\d{6,})", file.read_text())
    ]

    assert set(bounds) == {milliseconds(clock.SET_BACK)}
