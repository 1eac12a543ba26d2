"""Steps that a worker cannot run go back: soon at first, then seldom, and the sweep lets them be."""

from __future__ import annotations

from datetime import timedelta

from donebit.completion import fanout, reporting
from donebit.completion.handing_back import FIRST_PAUSE, LONGEST_PAUSE, hand_back
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.store import Store
from tests.completion.arranged import TTLS, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

STALL_AFTER = timedelta(seconds=1)
WHY = "worker old:7 has no job demo"


def fanned_out(store: Store) -> Task:
    task = start(store, 10, job="demo", stall_after=STALL_AFTER)
    fanout.fan_out(store, task, lambda *_: None)
    return task


def test_the_pause_grows_while_nothing_is_done(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task, pauses = fanned_out(store), []
    for _ in range(20):
        pauses.append(hand_back(store, now(store, task), WHY))
        hand_moved_clock.forward(seconds=10)

    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_a_step_that_is_done_makes_the_pause_short_again(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    for _ in range(5):
        hand_back(store, now(store, task), WHY)
        hand_moved_clock.forward(seconds=10)

    reporting.report(store, task.id, [0])

    assert hand_back(store, now(store, task), WHY) == FIRST_PAUSE


def test_the_sweep_sends_nothing_again_while_steps_go_back(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher = fanned_out(store), RecordingPublisher()

    for _ in range(30):
        pause = hand_back(store, now(store, task), WHY)
        hand_moved_clock.forward(seconds=pause.total_seconds() + 2)
        store.task_index.look_again(task.id, 0)
        Sweep(store, publisher, TTLS).run()

    assert publisher.empty


def test_steps_that_went_back_and_were_lost_are_asked_about(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task, publisher = fanned_out(store), RecordingPublisher()
    hand_back(store, now(store, task), WHY)

    hand_moved_clock.forward(seconds=60)
    store.task_index.look_again(task.id, 0)
    Sweep(store, publisher, TTLS).run()

    assert [probed.id for probed in publisher.probed] == [task.id]
