"""Questions about who was here: counts and presence, read from the bitmaps as they are."""

from __future__ import annotations

from datetime import datetime

from shared.activity.periods import Granularity, Period, check_retention, period_at
from shared.activity.users import Kind, User, check
from shared.errors import InvalidInput
from shared.names import checked_name
from shared.store import Store
from shared.store.activity import SEGMENT_BITS, segments_in


def period_of_question(granularity: Granularity, at: datetime, now: datetime) -> Period:
    """The period asked about. Raises InvalidInput for one past its retention, or past the calendar."""
    try:
        period = period_at(granularity, at)
        check_retention(period, now, "at")
    except OverflowError:  # the end of its period, or of its retention, is beyond the year 9999
        raise InvalidInput(f"at is {at.isoformat()}; it must be years before 10000", field="at") from None
    return period


def count(store: Store, event: str, period: Period) -> int:
    """How many distinct users the event saw in the period; 0 for an event never seen."""
    checked_name(event, "event")
    return store.activity.count(event, period.name, segments(store, event, period.name))


def segments(store: Store, event: str, period: str) -> list[int]:
    return segments_in(store.activity.segments(event, period))


def present(store: Store, event: str, user: User, period: Period) -> bool:
    """Whether the event saw this user in the period.

    Raises:
        InvalidInput: the user cannot be one, or is of the kind that the event does not hold.
    """
    checked_name(event, "event")
    check(user, "user")
    number = number_of(store, event, user)
    if number is None:
        return False
    return store.activity.present(event, period.name, number // SEGMENT_BITS, number % SEGMENT_BITS)


def number_of(store: Store, event: str, user: User) -> int | None:
    """The user's bit; None for a text never seen."""
    held = store.activity.kind(event)
    if held is None:
        return None
    if isinstance(user, str) != (held == Kind.TEXTS):
        raise InvalidInput(f"event {event} holds {held}; {user!r} is none", field="user")
    return store.activity.number_of(user) if isinstance(user, str) else user
