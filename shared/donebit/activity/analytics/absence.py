"""The users of a roster, which is a flag, who are absent from an event."""

from __future__ import annotations

from dataclasses import dataclass

from donebit.activity.events.event import Event
from donebit.activity.flags.flag import Flag
from donebit.activity.periods.calendar import Period
from donebit.activity.sets import algebra
from donebit.activity.sets.members import MembersPage, page_of
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap


@dataclass(frozen=True, slots=True)
class Missing:
    """The absent users of a roster: how many they are, the first of all, and a page of them."""

    count: int
    first: User | None
    page: MembersPage


def missing(
    site: Site, roster: Flag, event: Event, period: Period, *, after: int = -1, limit: int
) -> Missing:
    """The users who have the roster's flag and no visit to the event in the period.

    Raises:
        InvalidInput: the roster and the event hold users of different kinds.
    """
    if None not in (roster.kind, event.kind) and roster.kind is not event.kind:
        raise InvalidInput(
            f"flag {roster.name} holds {roster.kind}, and event {event.name} {event.kind}", field="event"
        )
    absent = algebra.without(roster.bitmap, Bitmap(event.name, period.name))
    first = page_of(site, roster.kind, absent, limit=1).users
    page = page_of(site, roster.kind, absent, after=after, limit=limit)
    return Missing(algebra.count(site.store, absent), first[0] if first else None, page)
