"""Questions about who was here: counts and presence, read from the bitmaps as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.flags.flag import Flag
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.activity.users import id_mapping
from donebit.activity.users.ids import LARGEST_ID, User, UserKind, check
from donebit.errors import InvalidInput
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap


def asked_period(
    site: Site, event: Event, granularity: Granularity, *, at: datetime, now: datetime
) -> Period:
    """The period asked about. Raises InvalidInput for one past its retention, or past the calendar."""
    period = site.calendar.period_at(granularity, at)
    event.expiry.check(period, now, "at")
    return period


def asked_ids(asked: Event | Flag, first: int | None, last: int | None) -> range | None:
    """The users of ids [first, last), either left out for all up to there; None without both.

    Raises:
        InvalidInput: the range is empty, or of users that are texts, which have no order.
    """
    if first is None and last is None:
        return None
    ids = range(first or 0, LARGEST_ID + 1 if last is None else last)
    if not ids:
        raise InvalidInput(
            f"last is {ids.stop}; the range [first, last) is half open, so it must be above {ids.start}",
            field="last",
        )
    if asked.kind not in (None, UserKind.INTEGERS):
        raise InvalidInput(
            f"{asked.name} holds {asked.kind}; only integers are counted by range", field="first"
        )
    return ids


def count(site: Site, event: str, period: Period) -> int:
    """How many distinct users the event saw in the period; 0 for an event never seen."""
    return algebra.count(site.store, Bitmap(events.check_name(event), period.name))


def count_in(site: Site, event: str, periods: Sequence[Period], *, ids: range | None = None) -> int:
    """How many distinct users the event saw in any of the periods; with `ids`, of those alone."""
    bitmaps = [Bitmap(events.check_name(event), period.name) for period in periods]
    return algebra.count(site.store, algebra.union(bitmaps), ids=ids)


def present(site: Site, event: str, user: User, *periods: Period) -> bool:
    """Whether the event saw this user in any of the periods.

    Raises:
        InvalidInput: the user cannot be one, or is of the kind that the event does not hold.
    """
    check(user, "user")
    number = number_of(site, events.get(site, event), user)
    if number is None:
        return False
    segment, bit = divmod(number, SEGMENT_BITS)
    return site.store.bitmaps.present_in_any([Bitmap(event, period.name) for period in periods], segment, bit)


def number_of(site: Site, event: Event, user: User) -> int | None:
    """The user's bit; None for one that has none, as nobody saw them."""
    if event.kind is None:
        return None
    if isinstance(user, str) != (event.kind is UserKind.TEXTS):
        raise InvalidInput(f"event {event.name} holds {event.kind}; {user!r} is none", field="user")
    return id_mapping.number_of(site, event.kind, user)
