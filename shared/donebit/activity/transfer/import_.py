"""A whole bitmap brought in: its users are added to a period, and to those that the period lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

import numpy as np

from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.events.batching import Visits, other_kind
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME, Granularity, Period
from donebit.activity.periods.expiry import AHEAD
from donebit.activity.site import Site
from donebit.activity.transfer import formats
from donebit.activity.transfer.formats import Parts
from donebit.activity.users.ids import Ids, User, UserKind, check_batch
from donebit.errors import InvalidInput

SEGMENTS_A_CALL = 8  # their ids at once are 32 MB at most

# What a period lies in as a whole. A week may have two months, and a month is not made of weeks.
WITHIN = {
    Granularity.HOUR: (Granularity.DAY, Granularity.WEEK, Granularity.MONTH),
    Granularity.DAY: (Granularity.WEEK, Granularity.MONTH),
    Granularity.WEEK: (),
    Granularity.MONTH: (),
    Granularity.ALL: (),
}


def add(site: Site, name: str, period: Period, parts: Parts, now: datetime) -> tuple[int, int]:
    """Add the users of a bitmap; (how many it has, how many of them the period had not).

    All-time has them too then; a finer period has not, since nobody knows which it would be.

    Raises:
        InvalidInput: the event holds another kind, the period is over or has not begun, or the users would
            span too many segments. Nothing is written then.
        StoreUnavailable: part may be written; the same bitmap again adds the rest.
    """
    visits = _visits(site, events.get(site, name), UserKind.INTEGERS, period, now)
    if not parts:
        return 0, 0
    site.store.visits.check_layout(site.zone)
    ingest.open_segments(site, visits, sorted(parts))
    received = fresh = 0
    for ids in _batches(parts):
        made = ingest.write(site, replace(visits, users=ids), sorted(parts))
        received += len(ids)
        fresh += made.fresh_in_day
    return received, fresh


def add_users(site: Site, name: str, period: Period, users: Sequence[User], now: datetime) -> tuple[int, int]:
    """The same for users by name, texts too. Raises as `add` does."""
    if not users:
        return 0, 0
    kind = check_batch(users)
    visits = _visits(site, events.get(site, name), kind, period, now)
    site.store.visits.check_layout(site.zone)
    made = ingest.write(site, replace(visits, kind=kind, users=users), ())
    return len(set(users)), made.fresh_in_day


def _visits(site: Site, event: Event, kind: UserKind, period: Period, now: datetime) -> Visits:
    """What is written: the period itself, and those it lies in, as long as they are kept."""
    if event.kind not in (None, kind):
        raise other_kind(event.name, event.kind, kind)
    if period.start is not None and period.start > now + AHEAD:
        raise InvalidInput(f"the {period.granularity} {period.name} has not begun yet", field="at")
    event.expiry.check(period, now, "at")
    wider = [site.calendar.period_at(one, period.start) for one in WITHIN[period.granularity] if period.start]
    ending = [one for one in [period, *wider] if one != ALL_TIME and event.expiry.keeps(one, now)]
    lives = [event.expiry.period_expiry(one) for one in [*ending, ALL_TIME]]
    return Visits(event.name, kind, tuple(lives), 0, ())


def _batches(parts: Parts) -> Iterator[Ids]:
    numbers = iter(sorted(parts))
    while some := list(islice(numbers, SEGMENTS_A_CALL)):
        yield np.concatenate([formats.ids_of(number, parts[number]()) for number in some])
