"""Forgetting an event: all of its bitmaps, and what is known about it."""

from __future__ import annotations

from shared import clock
from shared.activity import questions
from shared.errors import Conflict
from shared.names import checked_name
from shared.store import Store

ATTEMPTS = 5


def forget(store: Store, event: str) -> None:
    """Drop every bitmap of an event.

    The bitmaps go first, so that a crash leaves the registry to try again with; then the registry; then
    the bitmaps it named at its end, for what a visit wrote in between. A visit later than that registers
    anew.

    Raises:
        Conflict: the event began a new period at every attempt.
    """
    checked_name(event, "event")
    for _ in range(ATTEMPTS):
        periods = store.activity.periods(event)
        segments = {period: questions.segments(store, event, period) for period in periods}
        store.activity.drop_segments(event, segments)
        if store.activity.drop_event(event, periods):
            return
    raise Conflict(
        f"event {event} is changing too fast to be forgotten; try again at {clock.iso(clock.now())}"
    )
