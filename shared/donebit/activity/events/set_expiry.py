"""Setting how long an event is kept, for the periods it has already and for those to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from donebit import clock
from donebit.activity.events import event
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME, Granularity, Period
from donebit.activity.periods.expiry import DEFAULT, ExpiryPolicy
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap
from donebit.store.key_names_of_activity import APART

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=36_500)
PERIODS_A_CALL = 50  # a segment of each is a command: a thousand and more in a round trip
PASSES = 2


def apply(site: Site, name: str, expiry: ExpiryPolicy) -> Event:
    """Set an event's expiry; periods that have expired under it are dropped immediately.

    A visit being recorded at the same time may still set the old expiry on its bitmaps, so all periods are
    updated twice. Calling it again repairs what an outage left half done.

    Raises:
        InvalidInput: a duration is shorter than a day or longer than a hundred years.
    """
    event.check_name(name)
    durations = {granularity.value: expiry.duration(granularity) for granularity in Granularity}
    for granularity, duration in durations.items():
        _check(granularity, duration)
    site.store.activity_layout.check(site.zone)
    expired = _expired_before(site, name)
    changed = {
        f"keep_{granularity}": int(duration.total_seconds())
        for granularity, duration in durations.items()
        if duration is not None and duration != DEFAULT.duration(Granularity(granularity))
    }
    site.store.visits.set_retention(name, changed | expired)
    for _ in range(PASSES):
        _update_periods(site, name, expiry)
    return event.get(site, name)


def _expired_before(site: Site, name: str) -> dict[str, int]:
    """Up to when periods have been dropped by now, where there may have been any.

    There were none of a granularity where the period of the event's first day is still kept.

    Recorded because a longer expiry brings nothing back: questions about those periods stay refused.

    Returns:
        `gone_day` and the like, in Unix time.
    """
    known, now = event.get(site, name), clock.now()
    expiry, earliest = known.expiry, _earliest(site, known, now)
    expired: dict[str, int] = {}
    for granularity in Granularity:
        since = expiry.since(granularity, now)
        has_dropped = not expiry.keeps(site.calendar.period_at(granularity, earliest), now)
        if since is not None and (has_dropped or getattr(expiry.expired_before, granularity) is not None):
            expired[f"gone_{granularity}"] = int(since.timestamp())
    return expired


def _earliest(site: Site, known: Event, now: datetime) -> datetime:
    """When the event's first day began, or the first of its periods, where no day is noted."""
    if known.first_day is not None:
        return site.calendar.midnight(known.first_day)
    return min((period.start for period in ending_periods(site, known.name) if period.start), default=now)


def _check(granularity: str, duration: timedelta | None) -> None:
    if duration is not None and not SHORTEST <= duration <= LONGEST:
        raise InvalidInput(
            f"{granularity} is {duration / SHORTEST:g} days; it must be {SHORTEST.days} to {LONGEST.days}",
            field=granularity,
        )


def _update_periods(site: Site, name: str, expiry: ExpiryPolicy) -> None:
    periods = ending_periods(site, name)
    for start in range(0, len(periods), PERIODS_A_CALL):
        part = periods[start : start + PERIODS_A_CALL]
        segments = site.store.bitmaps.segments([Bitmap(name, period.name) for period in part])
        site.store.visits.set_expiry(name, [expiry.period_expiry(period) for period in part], segments)


def ending_periods(site: Site, name: str) -> list[Period]:
    """Every period with visits of the event except all-time, expired ones included."""
    names = site.store.visits.periods(name)
    return [
        replace(site.calendar.named(period.removesuffix(APART), "period"), name=period)
        for period in names
        if period.removesuffix(APART) != ALL_TIME.name
    ]
