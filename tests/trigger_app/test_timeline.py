"""The timeline on a task's page."""

from __future__ import annotations

import pytest

from donebit.completion import failing, lifecycle, reporting, resuming
from donebit.store import Store
from donebit.web.task_answer import DeliveryAnswer
from tests.completion.arranged import TTLS, now, start
from tests.completion.conftest import HandMovedClock, hand_moved_clock
from trigger_app.pages.timeline import delivery_title, timeline_of

__all__ = ["hand_moved_clock"]


@pytest.mark.parametrize(
    ("kind", "outcome", "title"),
    [
        ("webhook", "given up", "Webhook given up"),
        ("callback", "delivered", "Callback delivered"),
        ("then", "delivered", "Next task started"),
        ("then", "pending", "Next task pending"),
    ],
)
def test_a_delivery_is_named_by_what_came_of_it(kind: str, outcome: str, title: str) -> None:
    delivery = DeliveryAnswer(
        kind=kind, to="next", announcement_id="msg_1", outcome=outcome, attempts=[], next_attempt_at=None
    )

    assert delivery_title(delivery) == title


def test_a_paused_task_says_since_when_and_until_when(store: Store) -> None:
    task = lifecycle.pause(store, start(store, 3).id)

    (entry,) = [one for one in timeline_of(task, []) if one.what == "Paused"]

    assert entry.at is not None
    assert (entry.more, entry.mark) == ("until it is resumed", "next")


def test_every_run_of_a_task_is_in_its_timeline(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 3)
    reporting.report(store, task.id, [0])
    for _ in range(2):
        lifecycle.cancel(store, task.id)
        hand_moved_clock.forward(seconds=1)
        resuming.resume(store, task.id, TTLS)
    reporting.report(store, task.id, [1, 2])

    entries = [(one.what, one.more) for one in timeline_of(now(store, task), []) if one.at]

    assert entries[1:6] == [
        ("Cancelled", "run 1: 1 of 3 steps done"),
        ("Resumed", "run 2"),
        ("Cancelled", "run 2: 1 of 3 steps done"),
        ("Resumed", "run 3"),
        ("Done", "3 of 3 steps done"),
    ]


def test_what_was_at_a_whole_second_is_not_after_what_followed(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    """Its time is written without a fraction."""
    hand_moved_clock.moment = hand_moved_clock.moment.replace(microsecond=0)
    task = lifecycle.cancel(store, start(store, 3).id)
    hand_moved_clock.forward(seconds=0.5)
    resuming.resume(store, task.id, TTLS)

    past = [one.what for one in timeline_of(now(store, task), []) if one.at]

    assert past == ["Created", "Cancelled", "Resumed"]


def test_a_task_done_after_it_failed_was_not_resumed(store: Store) -> None:
    task = start(store, 1)
    failing.fail(store, task.id, 0, "no")
    reporting.report(store, task.id, [0])

    entries = [(one.what, one.more) for one in timeline_of(now(store, task), []) if one.at]

    assert entries[1:] == [("Failed", "run 1: 0 of 1 step done"), ("Done", "1 of 1 steps done")]
