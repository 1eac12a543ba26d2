"""Questions about who was here: counts and presence, read from the bitmaps as they are."""

from __future__ import annotations

from datetime import datetime

from shared.activity import events, numbering, sets
from shared.activity.calendar import Granularity, Period
from shared.activity.events import Event
from shared.activity.site import Site
from shared.activity.users import Kind, User, check
from shared.errors import InvalidInput
from shared.store.bitmaps import SEGMENT_BITS, Bitmap


def asked_period(
    site: Site, event: Event, granularity: Granularity, *, at: datetime, now: datetime
) -> Period:
    """The period asked about. Raises InvalidInput for one past its retention, or past the calendar."""
    period = site.calendar.period_at(granularity, at)
    event.retention.check(period, now, "at")
    return period


def count(site: Site, event: str, period: Period) -> int:
    """How many distinct users the event saw in the period; 0 for an event never seen."""
    return sets.count(site.store, Bitmap(events.checked(event), period.name))


def present(site: Site, event: str, user: User, period: Period) -> bool:
    """Whether the event saw this user in the period.

    Raises:
        InvalidInput: the user cannot be one, or is of the kind that the event does not hold.
    """
    check(user, "user")
    number = number_of(site, events.known(site, event), user)
    if number is None:
        return False
    segment, bit = divmod(number, SEGMENT_BITS)
    return site.store.bitmaps.present(Bitmap(event, period.name), segment, bit)


def number_of(site: Site, event: Event, user: User) -> int | None:
    """The user's bit; None for one that has none, as nobody saw them."""
    if event.kind is None:
        return None
    if isinstance(user, str) != (event.kind is Kind.TEXTS):
        raise InvalidInput(f"event {event.name} holds {event.kind}; {user!r} is none", field="user")
    return numbering.number_of(site, event.kind, user)
