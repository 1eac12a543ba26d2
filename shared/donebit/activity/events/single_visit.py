"""One visit of one user, now: the most frequent request, so it takes one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from donebit.activity.events import ingest
from donebit.activity.periods.calendar import ALL_TIME, Calendar, Granularity
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.clock import EPOCH
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.visit_counter import VisitCount

QUARTER = timedelta(minutes=15)


class Visited(NamedTuple):
    """What one visit changed."""

    fresh: bool  # whether the user was never seen before
    users: int  # users ever seen, this one included


def visit(site: Site, event: str, user: int, now: datetime) -> Visited:
    """Record a visit of one user to one event.

    Raises:
        InvalidInput: the event holds texts, or its ids would span too many segments.
        StoreUnavailable: the visit may be recorded; it counts once however often it is sent.
    """
    (visited,) = visit_each(site, event, [user], now)
    if isinstance(visited, Exception):
        raise visited
    return visited or first_visit(site, event, user, now)


def visit_each(
    site: Site, event: str, users: Sequence[int], now: datetime
) -> list[Visited | Exception | None]:
    """Record visits of requests that know nothing of each other to one event, in one round trip.

    Returns:
        What each of them changed. None where nothing was recorded, because a bitmap does not exist yet:
        `visit` records that one. In place of one that failed, perhaps after it was recorded, the error.

    Raises:
        ConfigurationError: the store's days begin elsewhere.
        StoreUnavailable: any of them may be recorded.
    """
    site.store.activity_layout.refuse_other(site.zone)
    periods = names_of_periods(site.calendar, now - (now - EPOCH) % QUARTER)
    places = [divmod(user, SEGMENT_BITS) for user in users]
    counted = site.store.visit_counter.visit_each(event, UserKind.INTEGERS, periods, places)
    ever = cache(lambda: users_ever_seen(site, event))
    return [
        Visited(one.fresh, ever() if one.users is None else one.users) if isinstance(one, VisitCount) else one
        for one in counted
    ]


@lru_cache(maxsize=8)
def names_of_periods(calendar: Calendar, quarter: datetime) -> tuple[str, ...]:
    """The names of all periods at a quarter of an hour; in every zone, days begin at such quarters."""
    return tuple(calendar.period_at(granularity, quarter).name for granularity in Granularity)


def first_visit(site: Site, event: str, user: int, now: datetime) -> Visited:
    """Record a visit where a bitmap does not exist yet, as its period or its segment has just begun."""
    recorded = ingest.record(site, event, [user], at=now, now=now)
    return Visited(bool(recorded.fresh_ever), users_ever_seen(site, event))


def users_ever_seen(site: Site, event: str) -> int:
    """How many distinct users the event has seen."""
    return algebra.count(site.store, Bitmap(event, ALL_TIME.name))
