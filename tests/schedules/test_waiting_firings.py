"""Firings that wait for the last task to end: all that were due in time, and none of the missed ones."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from donebit.completion import lifecycle
from donebit.schedules import changes
from donebit.schedules.firing import MOST_FIRINGS_PER_LOOK
from donebit.schedules.schedule import Missed, Overlap
from donebit.store import Store
from tests.completion.conftest import HandMovedClock
from tests.schedules.arranged import BEGIN, Beats, create


def minutes(*numbers: int) -> list[datetime]:
    return [BEGIN + timedelta(minutes=one) for one in numbers]


def look_after(beats: Beats, time: HandMovedClock, *pauses: int) -> None:
    """Look after each of these pauses, in minutes."""
    for pause in pauses:
        time.forward(minutes=pause)
        beats.look(time.moment)


def end_last(store: Store) -> None:
    last = changes.get(store, "nightly").last_task
    assert last is not None
    lifecycle.cancel(store, last)


def drain(store: Store, beats: Beats, time: HandMovedClock) -> None:
    """End each task as soon as it is started, until none waits."""
    while changes.get(store, "nightly").queued():
        end_last(store)
        time.forward(seconds=1)
        beats.look(time.moment)


def test_more_firings_wait_than_are_started_at_one_look(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, cron="* * * * *", missed=Missed.NONE, overlap=Overlap.QUEUE)
    beats, most = Beats(store), 2 * MOST_FIRINGS_PER_LOOK

    look_after(beats, hand_moved_clock, *[1] * most)
    assert changes.get(store, "nightly").queued() == minutes(*range(2, most + 1))
    drain(store, beats, hand_moved_clock)

    assert beats.started() == minutes(*range(1, most + 1))
    assert changes.get(store, "nightly").missed == 0


@pytest.mark.parametrize(
    ("missed", "waiting", "left_out"),
    [(Missed.NONE, [30], 4), (Missed.LATEST, [30], 4), (Missed.ALL, [10, 15, 20, 25, 30], 0)],
)
@pytest.mark.parametrize("late", [0, 2])  # minutes after which somebody looks again
def test_only_what_missed_says_waits_after_a_pause_of_all_beats(
    store: Store,
    hand_moved_clock: HandMovedClock,
    missed: Missed,
    waiting: list[int],
    left_out: int,
    late: int,
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=missed, overlap=Overlap.QUEUE)
    beats = Beats(store)
    look_after(beats, hand_moved_clock, 5, 25 + late)
    if late and missed is Missed.NONE:
        waiting, left_out = [], 5

    assert changes.get(store, "nightly").queued() == minutes(*waiting)
    drain(store, beats, hand_moved_clock)
    assert beats.started() == minutes(5, *waiting)
    assert changes.get(store, "nightly").missed == left_out


def test_what_was_missed_stays_left_out_where_firings_before_it_wait(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=Missed.NONE, overlap=Overlap.QUEUE)
    beats = Beats(store)
    look_after(beats, hand_moved_clock, 5, 5, 5, 20, 5, 20, 12)  # three times nobody looks for a while

    assert changes.get(store, "nightly").queued() == minutes(10, 15, 35, 40, 60)
    drain(store, beats, hand_moved_clock)

    assert beats.started() == minutes(5, 10, 15, 35, 40, 60)
    assert changes.get(store, "nightly").missed == 8


def test_what_waits_as_a_schedule_is_paused_waits_on_when_it_is_resumed(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, missed=Missed.ALL, overlap=Overlap.QUEUE)
    beats = Beats(store)
    for _ in range(2):  # two pauses of a quarter of an hour, at 12:15 and at 12:45
        look_after(beats, hand_moved_clock, 5, 5, 5)
        changes.pause(store, "nightly")
        look_after(beats, hand_moved_clock, 15)
        changes.resume(store, "nightly")
    look_after(beats, hand_moved_clock, 5)

    assert changes.get(store, "nightly").queued() == minutes(10, 15, 35, 40, 45, 65)
    drain(store, beats, hand_moved_clock)

    assert beats.started() == minutes(5, 10, 15, 35, 40, 45, 65)
    assert changes.get(store, "nightly").missed == 0
