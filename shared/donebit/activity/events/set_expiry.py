"""How long an event is kept: said once, for what it holds already and for what is to come."""

from __future__ import annotations

from datetime import timedelta

from donebit import clock
from donebit.activity.events import event
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME, Granularity, Period
from donebit.activity.periods.expiry import DEFAULT, Retention
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=36_500)
PERIODS_A_CALL = 50  # a segment of each is a command: a thousand and more in a round trip
TWICE = 2


def keep(site: Site, name: str, retention: Retention) -> Event:
    """Keep an event's periods for so long from their end; what is over by that goes at once.

    A visit under way may still let its bitmaps live as long as before: so all is gone through twice, the
    second time behind it. Asked again it repairs what an outage left half done.

    Raises:
        InvalidInput: a duration is shorter than a day or longer than a hundred years.
    """
    event.check_name(name)
    kept = {granularity.value: retention.of(granularity) for granularity in Granularity}
    for granularity, duration in kept.items():
        _check(granularity, duration)
    site.store.visits.check_layout(site.zone)
    gone = _gone(site, name)
    changed = {
        f"keep_{granularity}": int(duration.total_seconds())
        for granularity, duration in kept.items()
        if duration is not None and duration != DEFAULT.of(Granularity(granularity))
    }
    site.store.visits.set_retention(name, changed | gone)
    for _ in range(TWICE):
        _relive(site, name, retention)
    return event.get(site, name)


def _gone(site: Site, name: str) -> dict[str, int]:
    """By when what ended is gone, where there may have been something: a longer word brings nothing back."""
    kept, now = event.get(site, name).retention, clock.now()
    starts = [period.start for period in ending_periods(site, name) if period.start]
    found: dict[str, int] = {}
    for granularity in Granularity:
        since = kept.since(granularity, now)
        before = getattr(kept.gone, granularity, None) is not None or (
            since and min(starts, default=now) < since
        )
        if since is not None and before:
            found[f"gone_{granularity}"] = int(since.timestamp())
    return found


def _check(granularity: str, duration: timedelta | None) -> None:
    if duration is not None and not SHORTEST <= duration <= LONGEST:
        raise InvalidInput(
            f"{granularity} is {duration / SHORTEST:g} days; it must be {SHORTEST.days} to {LONGEST.days}",
            field=granularity,
        )


def _relive(site: Site, name: str, retention: Retention) -> None:
    found = ending_periods(site, name)
    for start in range(0, len(found), PERIODS_A_CALL):
        part = found[start : start + PERIODS_A_CALL]
        segments = site.store.bitmaps.segments([Bitmap(name, period.name) for period in part])
        site.store.visits.set_expiry(name, [retention.life(period) for period in part], segments)


def ending_periods(site: Site, name: str) -> list[Period]:
    """Every period the event was seen in that ends one day, those that are over included."""
    names = site.store.visits.periods(name)
    return [site.calendar.named(period, "period") for period in names if period != ALL_TIME.name]
