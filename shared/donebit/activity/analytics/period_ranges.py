"""The successive periods of one granularity that a question covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from donebit import clock
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity, Period, bounds
from donebit.activity.site import Site
from donebit.errors import InvalidInput

MOST_PERIODS = 1100  # three years of days

# Upper bounds for the length of a period of each granularity.
LONGEST = {
    Granularity.HOUR: timedelta(hours=1),
    Granularity.DAY: timedelta(hours=26),
    Granularity.WEEK: timedelta(days=8),
    Granularity.MONTH: timedelta(days=32),
}


@dataclass(frozen=True, slots=True)
class PeriodRange:
    """At least one period, each following the one before; `running` if the last has not ended yet."""

    periods: tuple[Period, ...]
    running: bool

    @property
    def start(self) -> datetime:
        """When the first period begins."""
        return bounds(self.periods[0])[0]

    @property
    def stop(self) -> datetime:
        """When the last period ends."""
        return bounds(self.periods[-1])[1]


def requested_range(
    site: Site,
    event: Event,
    granularity: Granularity,
    *,
    start: datetime | None,
    stop: datetime | None,
    now: datetime,
) -> PeriodRange:
    """Every period that overlaps [start, stop), up to the running one.

    Args:
        start: None for as far back as the event is kept, at most 1100 periods.
        stop: None for the end of the running period.

    Raises:
        InvalidInput: start is not before stop, is in the future, or has expired, or there are more than
            1100 periods.
    """
    running = site.calendar.period_at(granularity, now)
    end = bounds(running)[1] if stop is None else min(stop, bounds(running)[1])
    periods = (
        _all_retained(site, event, granularity, end, now)
        if start is None
        else _from(site, event, granularity, start, end, now)
    )
    return PeriodRange(tuple(periods), running=periods[-1] == running)


def _all_retained(
    site: Site, event: Event, granularity: Granularity, stop: datetime, now: datetime
) -> list[Period]:
    since = event.expiry.since(granularity, now) or now
    most = (MOST_PERIODS + 1) * LONGEST[granularity]
    start = since if stop - since < most else stop - most
    periods = list(site.calendar.between(granularity, start, stop))
    if not periods:
        raise InvalidInput(
            f"to is {clock.iso(stop)}, and no {granularity} before it is kept any longer", field="to"
        )
    return periods[-MOST_PERIODS:]


def _from(
    site: Site, event: Event, granularity: Granularity, start: datetime, stop: datetime, now: datetime
) -> list[Period]:
    if start >= stop:
        raise InvalidInput(
            f"from is {clock.iso(start)}; it must be before {clock.iso(stop)}, which is to or the end of the "
            f"running {granularity}",
            field="from",
        )
    periods = list(islice(site.calendar.between(granularity, start, stop), MOST_PERIODS + 1))
    event.expiry.check(periods[0], now, "from")
    if len(periods) > MOST_PERIODS:
        raise InvalidInput(
            f"from {clock.iso(start)} to {clock.iso(stop)} are more than {MOST_PERIODS} {granularity}s; "
            "choose fewer",
            field="from",
        )
    return periods
