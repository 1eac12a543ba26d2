"""The timeline on a task's page."""

from __future__ import annotations

import pytest

from donebit.completion import lifecycle
from donebit.store import Store
from donebit.web.task_answer import DeliveryAnswer
from tests.completion.arranged import start
from trigger_app.pages.timeline import delivery_title, timeline_of


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
