"""Schedules and expectations go on from the present once a server's clock that was ahead is set back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from donebit import clock
from donebit.schedules import changes, expecting
from donebit.schedules.expectation import ExpectationSpec, Expected
from donebit.schedules.judging import Judge, Witness
from donebit.schedules.schedule import Overlap
from donebit.schedules.timing import Timing
from donebit.store import Store
from tests.completion.arranged import TTLS
from tests.completion.conftest import HandMovedClock
from tests.schedules.arranged import BEGIN, Beats, create, every
from tests.schedules.test_expectations import note_end

AHEAD = timedelta(days=30)


def look_on(beats: Beats, time: HandMovedClock, minutes: int) -> list[datetime]:
    """Look every ten seconds for so many minutes, and return when tasks were started for."""
    before = len(beats.started())
    for _ in range(6 * minutes):
        time.forward(seconds=10)
        beats.look(time.moment)
    return beats.started()[before:]


@pytest.mark.parametrize("overlap", [Overlap.ALLOW, Overlap.QUEUE])
def test_a_schedule_fires_at_its_times_again(
    store: Store, hand_moved_clock: HandMovedClock, overlap: Overlap
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, overlap=overlap)
    beats = Beats(store)
    hand_moved_clock.moment = BEGIN + AHEAD
    look_on(beats, hand_moved_clock, 11)  # with `queue` all but the first wait for its end
    hand_moved_clock.moment = BEGIN
    beats.look(BEGIN)

    started = look_on(beats, hand_moved_clock, 11)

    schedule = changes.get(store, "nightly")
    if overlap is Overlap.ALLOW:
        assert started == every(5, BEGIN, BEGIN + timedelta(minutes=11))
    else:
        assert started == []
        assert schedule.queued() == every(5, BEGIN, BEGIN + timedelta(minutes=11))


def test_a_schedule_whose_clock_is_right_keeps_its_mark(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    hand_moved_clock.moment = BEGIN
    create(store, overlap=Overlap.ALLOW)
    beats = Beats(store)
    started = look_on(beats, hand_moved_clock, 6)

    hand_moved_clock.forward(seconds=-90)  # as after a failover to a node whose clock is behind
    started += look_on(beats, hand_moved_clock, 6)

    assert started == every(5, BEGIN, BEGIN + timedelta(minutes=10))


@pytest.mark.parametrize("made_ahead", [False, True])
def test_an_expectation_is_missed_and_met_again_by_what_comes(
    store: Store, hand_moved_clock: HandMovedClock, made_ahead: bool
) -> None:
    def look_on(**duration: float) -> None:
        for _ in range(int(timedelta(**duration) / timedelta(minutes=1))):
            hand_moved_clock.forward(minutes=1)
            Judge(store, lambda _: None, TTLS).run(hand_moved_clock.moment)

    hand_moved_clock.moment = BEGIN + AHEAD * made_ahead
    hourly = ExpectationSpec(Timing("0 * * * *", "UTC"), Expected.DONE, label="b", within=timedelta(hours=1))
    expecting.put(store, "backup", hourly)
    hand_moved_clock.moment = BEGIN + AHEAD
    look_on(hours=2)
    was_missed = expecting.get(store, "backup").missed_at
    hand_moved_clock.moment = BEGIN + timedelta(minutes=10)

    look_on(hours=2)
    missed = expecting.get(store, "backup").missed_at
    note_end(store, Witness(), "b")
    look_on(minutes=2)

    assert was_missed is not None
    assert missed is not None
    assert missed <= clock.now()
    assert expecting.get(store, "backup").missed_at is None
