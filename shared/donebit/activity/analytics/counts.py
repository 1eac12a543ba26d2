"""Distinct counts and presence of users, read directly from the bitmaps."""

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


def retained_period(
    site: Site, event: Event, granularity: Granularity, *, at: datetime, now: datetime
) -> Period:
    """The period that contains `at`. Raises InvalidInput if it has expired or is outside the calendar."""
    period = site.calendar.period_at(granularity, at)
    event.expiry.check(period, now, "at")
    return period


def id_range(source: Event | Flag, first: int | None, last: int | None) -> range | None:
    """The range of ids [first, last), either of which may be None for no bound; None without both.

    Raises:
        InvalidInput: the range is empty, or the users are texts, which have no order.
    """
    if first is None and last is None:
        return None
    ids = range(first or 0, LARGEST_ID + 1 if last is None else last)
    if not ids:
        raise InvalidInput(
            f"last is {ids.stop}; the range [first, last) is half open, so it must be above {ids.start}",
            field="last",
        )
    if source.kind not in (None, UserKind.INTEGERS):
        raise InvalidInput(
            f"{source.name} holds {source.kind}; only integers are counted by range", field="first"
        )
    return ids


def count(site: Site, event: str, period: Period) -> int:
    """How many distinct users the event has in the period; 0 for an event without visits."""
    return algebra.count(site.store, Bitmap(events.check_name(event), period.name))


def count_in(site: Site, event: str, periods: Sequence[Period], *, ids: range | None = None) -> int:
    """How many distinct users the event has in any of the periods; with `ids` only those in that range."""
    bitmaps = [Bitmap(events.check_name(event), period.name) for period in periods]
    return algebra.count(site.store, algebra.union(bitmaps), ids=ids)


def present(site: Site, event: str, user: User, *periods: Period) -> bool:
    """Whether the event has a visit of this user in any of the periods.

    Raises:
        InvalidInput: the id is out of range, or of a kind that the event does not hold.
    """
    check(user, "user")
    number = number_of(site, events.get(site, event), user)
    if number is None:
        return False
    segment, bit = divmod(number, SEGMENT_BITS)
    return site.store.bitmaps.present_in_any([Bitmap(event, period.name) for period in periods], segment, bit)


def number_of(site: Site, event: Event, user: User) -> int | None:
    """The number of the user's bit; None for a user never seen.

    Raises:
        InvalidInput: the user is of a kind that the event does not hold.
    """
    if event.kind is None:
        return None
    if isinstance(user, str) != (event.kind is UserKind.TEXTS):
        raise InvalidInput(f"event {event.name} holds {event.kind}, and {user!r} is not one", field="user")
    return id_mapping.number_of(site, event.kind, user)
