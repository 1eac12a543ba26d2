"""Visits as they arrive, several events and times at once: checked whole, and put together by period."""

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
from donebit.activity.users.ids import Ids, User, UserKind, check_batch
from donebit.errors import InvalidInput
from donebit.store.visits import PeriodExpiry

MOST_GROUPS = 1000  # a request's events, each in so many hours: every one is a few round trips


@dataclass(frozen=True, slots=True)
class Arrival:
    """Visits to one event at one moment."""

    event: str
    users: Sequence[User] | Ids
    at: datetime
    ids: UserKind | None = None  # what they are said to be; as the event holds them when left out


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to one event that are written into the same periods, checked and ready for it."""

    event: str
    kind: UserKind
    lives: tuple[PeriodExpiry, ...]  # of each period that is written, all-time last
    day: int  # which of them is the day
    users: Sequence[User] | Ids

    @property
    def received(self) -> int:
        return len(self.users)

    @property
    def day_name(self) -> str:
        return self.lives[self.day].period


def grouped(site: Site, arrivals: Sequence[Arrival], now: datetime) -> list[Visits]:
    """The arrivals by event and periods. Writes nothing.

    Raises:
        InvalidInput: an id, a moment, a kind or a mix of kinds is not allowed, or there are too many.
    """
    known = {name: events.get(site, name) for name in dict.fromkeys(arrival.event for arrival in arrivals)}
    groups: dict[tuple[str, tuple[PeriodExpiry, ...]], list[Arrival]] = {}
    days: dict[tuple[PeriodExpiry, ...], int] = {}
    for arrival in arrivals:
        kind = kind_of_batch(known[arrival.event], arrival)
        event = known[arrival.event] = replace(known[arrival.event], kind=kind)
        lives, day = expiries_of(site, event, arrival.at, now)
        groups.setdefault((event.name, lives), []).append(arrival)
        days[lives] = day
    if len(groups) > MOST_GROUPS:
        raise InvalidInput(
            f"the visits are to {len(groups)} events and hours; at most {MOST_GROUPS} in one request",
            field="visits",
        )
    return [
        Visits(name, event_kind(known[name]), lives, days[lives], together(parts))
        for (name, lives), parts in groups.items()
    ]


def kind_of_batch(event: Event, arrival: Arrival) -> UserKind:
    """What the users are to be recorded as. Raises InvalidInput for what cannot be, or the event refuses."""
    given = check_batch(arrival.users)
    if arrival.ids is not None and (arrival.ids is UserKind.TEXTS) != (given is UserKind.TEXTS):
        raise InvalidInput(f"ids is {arrival.ids}, and this batch holds {given}", field="ids")
    held_mapped = given is UserKind.INTEGERS and event.kind is UserKind.MAPPED
    kind = arrival.ids or (UserKind.MAPPED if held_mapped else given)
    if event.kind not in (None, kind):
        raise other_kind(event.name, event.kind, kind)
    return kind


def event_kind(event: Event) -> UserKind:
    assert event.kind is not None  # noqa: S101 - every arrival has given its event one
    return event.kind


def other_kind(event: str, held: str | None, kind: UserKind) -> InvalidInput:
    return InvalidInput(
        f"event {event} holds {held}, as its first visit did, and this batch holds {kind}",
        field="users",
    )


def expiries_of(
    site: Site, event: Event, at: datetime, now: datetime
) -> tuple[tuple[PeriodExpiry, ...], int]:
    """What is written of a visit, and which of it is the day. Raises InvalidInput for a moment not taken."""
    periods = periods_to_write(site.calendar, event.expiry, at, now)
    day = next(i for i, period in enumerate(periods) if period.granularity is Granularity.DAY)
    return tuple(event.expiry.period_expiry(period) for period in periods), day


def together(parts: Sequence[Arrival]) -> Sequence[User] | Ids:
    """The users of all parts."""
    if isinstance(parts[0].users[0], str):
        return [user for part in parts for user in part.users]
    return np.concatenate([np.asarray(part.users, np.uint32) for part in parts])
