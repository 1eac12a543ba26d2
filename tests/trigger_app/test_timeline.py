"""The timeline on a task's page."""

from __future__ import annotations

import pytest

from donebit.web.task_answer import DeliveryAnswer
from trigger_app.pages.timeline import delivery_title


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
