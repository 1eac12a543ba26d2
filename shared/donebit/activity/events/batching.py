"""Batches of visits to several events at several times: checked as a whole and grouped by period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import periods_to_write
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, User, UserKind, check_batch, kind_held
from donebit.errors import InvalidInput
from donebit.store.visits import PeriodExpiry

MOST_GROUPS = 1000  # a request's events, each in so many hours: every one is a few round trips


@dataclass(frozen=True, slots=True)
class Arrival:
    """Visits to one event at one moment."""

    event: str
    users: Sequence[User] | Ids
    at: datetime
    ids: UserKind | None = None  # how the ids are to be held; as the event holds them when left out


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to one event that are written into the same periods, checked and ready for it."""

    event: str
    kind: UserKind
    expiries: tuple[PeriodExpiry, ...]  # of each period that is written, all-time last
    day: int  # the index of the day among them
    users: Sequence[User] | Ids
    imported: str = ""  # the period's name, if the users are those of an import that spans may overlook

    @property
    def received(self) -> int:
        """How many visits there are; duplicates count each time."""
        return len(self.users)

    @property
    def day_name(self) -> str:
        """The name of the day's period."""
        return self.expiries[self.day].period


def grouped(site: Site, arrivals: Sequence[Arrival], now: datetime) -> list[Visits]:
    """Check the arrivals and group them by event and periods. Writes nothing.

    Raises:
        InvalidInput: an id, a time, a kind or a mix of kinds is not allowed, or there are too many groups.
    """
    names = {arrival.event for arrival in arrivals}
    refuse_many(len(names))
    known = events.get_each(site, names)
    groups: dict[tuple[str, tuple[PeriodExpiry, ...]], list[Arrival]] = {}
    days: dict[tuple[PeriodExpiry, ...], int] = {}
    for arrival in arrivals:
        kind = kind_of_batch(known[arrival.event], arrival)
        event = known[arrival.event] = replace(known[arrival.event], kind=kind)
        expiries, day = expiries_of(site, event, arrival.at, now)
        groups.setdefault((event.name, expiries), []).append(arrival)
        days[expiries] = day
    refuse_many(len(groups))
    return [
        Visits(name, event_kind(known[name]), expiries, days[expiries], merge_users(parts))
        for (name, expiries), parts in groups.items()
    ]


def refuse_many(groups: int) -> None:
    """Raise InvalidInput for visits to too many events and hours."""
    if groups > MOST_GROUPS:
        raise InvalidInput(
            f"the visits are to {groups} events and hours; at most {MOST_GROUPS} in one request",
            field="visits",
        )


def kind_of_batch(event: Event, arrival: Arrival) -> UserKind:
    """The kind as which the users are recorded. Raises InvalidInput if the event holds another kind."""
    kind = kind_held(check_batch(arrival.users), event.kind, arrival.ids)
    if event.kind is not None and event.kind is not kind:
        raise other_kind(event.name, event.kind, kind)
    return kind


def event_kind(event: Event) -> UserKind:
    assert event.kind is not None  # noqa: S101 - set from each of its arrivals
    return event.kind


def other_kind(event: str, held: UserKind, kind: UserKind) -> InvalidInput:
    """The error for users of a kind that the event does not hold."""
    return InvalidInput(
        f"event {event} has {held.in_words} (set by its first visit); this batch has {kind.in_words}",
        field="users",
    )


def expiries_of(
    site: Site, event: Event, at: datetime, now: datetime
) -> tuple[tuple[PeriodExpiry, ...], int]:
    """The periods that a visit is written into, all-time last, and the index of the day among them.

    Raises:
        InvalidInput: the visit is too far ahead, or its day has expired.
    """
    periods = periods_to_write(site.calendar, event.expiry, at, now)
    day = next(i for i, period in enumerate(periods) if period.granularity is Granularity.DAY)
    return tuple(event.expiry.period_expiry(period) for period in periods), day


def merge_users(parts: Sequence[Arrival]) -> Sequence[User] | Ids:
    """The users of all parts, which are of one kind."""
    if isinstance(parts[0].users[0], str):
        return [user for part in parts for user in part.users]
    if len(parts) == 1:
        return np.asarray(parts[0].users, np.uint32)
    return np.concatenate([np.asarray(part.users, np.uint32) for part in parts])
