"""The site's calendar: which periods a moment lies in, what they are called, and which make up a span."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from donebit import clock, moments
from donebit.errors import InvalidInput
from donebit.moments import TimeUnit

# Far enough from both ends of Python's calendar that no period, and no time of expiry, falls outside it.
FIRST_YEAR, LAST_YEAR = 1900, 9000

PERIODS_A_RUN = 32

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Granularity(StrEnum):
    HOUR = "hour"  # of UTC: in a zone's own time one hour of each autumn would come twice
    DAY = "day"
    WEEK = "week"  # ISO 8601: from Monday, and of the year that its Thursday is in
    MONTH = "month"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a granularity, from `start` to `stop`, half open, in UTC; both None for all time."""

    granularity: Granularity
    name: str  # in keys and questions: 2026-11-21T03, 2026-11-21, 2026-W47, 2026-11, all
    start: datetime | None = None
    stop: datetime | None = None


ALL_TIME = Period(Granularity.ALL, "all")

NAMES = {
    Granularity.HOUR: re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)"),
    Granularity.DAY: re.compile(r"(\d{4})-(\d\d)-(\d\d)"),
    Granularity.WEEK: re.compile(r"(\d{4})-W(\d\d)"),
    Granularity.MONTH: re.compile(r"(\d{4})-(\d\d)"),
}
NAME_RULE = (
    "a day 2026-11-21, an hour 2026-11-21T03 (UTC), a week 2026-W47, a month 2026-11, or all"  # in messages
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days, weeks and months as they begin in the site's zone; hours as they begin in UTC.

    Where clocks are put forward at midnight, the day begins at the first moment after the gap. Where they are
    put back over midnight, midnight comes twice: the day begins at the first one.
    """

    zone: ZoneInfo

    def period_at(self, granularity: Granularity, moment: datetime) -> Period:
        """The period of this granularity that a moment lies in.

        Raises:
            InvalidInput: the moment is outside the years 1900 to 9000.
        """
        if granularity is Granularity.ALL:
            return ALL_TIME
        refuse_far(moment)
        if granularity is Granularity.HOUR:
            return _hour(moment.astimezone(UTC))
        return self._of_days(granularity, self.day_of(moment))

    def _of_days(self, granularity: Granularity, day: date) -> Period:
        return of_days(self.zone, granularity, day)[0]

    def midnight(self, day: date) -> datetime:
        """When a day begins, in UTC."""
        return midnight(self.zone, day)

    def day_of(self, moment: datetime) -> date:
        """The site's day that a moment lies in."""
        day = moment.astimezone(self.zone).date()
        while moment >= midnight(self.zone, day + DAY):  # clocks were put back over midnight
            day += DAY
        return day

    def tomorrow(self, now: datetime) -> datetime:
        """When the site's next day begins."""
        return self.midnight(self.day_of(now) + DAY)

    def named(self, name: str, field: str) -> Period:
        """The period of that `Period.name`.

        Args:
            field: what the name is called in error messages.

        Raises:
            InvalidInput: there is no such period.
        """
        if name == ALL_TIME.name:
            return ALL_TIME
        for granularity, pattern in NAMES.items():
            if match := pattern.fullmatch(name):
                return self._named(granularity, name, field, *map(int, match.groups()))
        raise _no_period(name, field)

    def _named(self, granularity: Granularity, name: str, field: str, *numbers: int) -> Period:
        try:
            if granularity is Granularity.HOUR:
                moment = datetime(*numbers[:4], tzinfo=UTC)  # type: ignore[misc, arg-type]  # a tzinfo by name
                refuse_far(moment, field)
                return _hour(moment)
            if granularity is Granularity.WEEK:
                day = date.fromisocalendar(*numbers, 1)  # type: ignore[call-arg]  # two numbers, by the pattern
            else:
                day = date(*(*numbers, 1)[:3])
        except ValueError:
            raise _no_period(name, field) from None
        refuse_far(datetime.combine(day, time.min, UTC), field)
        return self._of_days(granularity, day)

    def moment(self, written: str | float, field: str = "at", unit: TimeUnit | None = None) -> datetime:
        """The moment that a text or number gives; a date is the start of that day of the site, a time is UTC.

        Args:
            unit: what the number counts since 1970; None for a text in ISO 8601.

        Raises:
            ValueError: it is not ISO 8601, or no number.
            InvalidInput: the moment is outside Python's calendar in UTC.
        """
        try:
            found = moments.read_text(str(written)) if unit is None else moments.read_number(written, unit)
            return found if isinstance(found, datetime) else self.midnight(found)
        except OverflowError:
            raise _far(written, field, unit) from None

    def before(self, period: Period) -> Period:
        """The period that ends when this one begins. Raises InvalidInput if it is before 1900."""
        if period.start is None:
            raise ValueError("all time has nothing before it")
        return self.period_at(period.granularity, period.start - timedelta(microseconds=1))

    def after(self, period: Period) -> Period:
        """The period that begins when this one ends. Raises InvalidInput if it is after 9000."""
        if period.stop is None:
            raise ValueError("all time has nothing after it")
        return self.period_at(period.granularity, period.stop)

    def between(self, granularity: Granularity, start: datetime, stop: datetime) -> Iterator[Period]:
        """Each period of this granularity that overlaps [start, stop), ascending.

        Raises:
            InvalidInput: either end is outside the years 1900 to 9000.
        """
        refuse_far(start, "from")
        refuse_far(stop, "to")
        if granularity is Granularity.HOUR:
            yield from self._hours(start, stop)
            return
        day = self.day_of(start)
        while True:
            periods, day = run_of_days(self.zone, granularity, day)
            for period in periods:
                if period.start is None or period.start >= stop:
                    return
                yield period

    def _hours(self, start: datetime, stop: datetime) -> Iterator[Period]:
        period = self.period_at(Granularity.HOUR, start)
        while period.start is not None and period.start < stop:
            yield period
            period = self.after(period)


def bounds(period: Period) -> tuple[datetime, datetime]:
    """When a period begins and ends. Raises ValueError for all time, which has no bounds."""
    if period.start is None or period.stop is None:
        raise ValueError("all time has no bounds")
    return period.start, period.stop


@lru_cache(maxsize=16_384)
def midnight(zone: ZoneInfo, day: date) -> datetime:
    """When a day begins in a zone, in UTC. Cached, as a question often covers a year of days."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


@lru_cache(maxsize=16_384)
def of_days(zone: ZoneInfo, granularity: Granularity, day: date) -> tuple[Period, date]:
    """The period that a day lies in, and the first day after it."""
    name, first, after = SPANS[granularity](day)
    return Period(granularity, name, midnight(zone, first), midnight(zone, after)), after


@lru_cache(maxsize=1024)
def run_of_days(zone: ZoneInfo, granularity: Granularity, day: date) -> tuple[tuple[Period, ...], date]:
    """Successive periods from that of a day on, and the first day after them.

    Cached as one, as to look up each of a year's days takes three times as long.
    """
    periods: list[Period] = []
    for _ in range(PERIODS_A_RUN):
        period, day = of_days(zone, granularity, day)
        if period.start != period.stop:  # a day that an island skipped when it crossed the date line
            periods.append(period)
    return tuple(periods), day


def _hour(moment: datetime) -> Period:
    start = moment.replace(minute=0, second=0, microsecond=0)
    return Period(Granularity.HOUR, f"{start:%Y-%m-%dT%H}", start, start + HOUR)


def _day(day: date) -> tuple[str, date, date]:
    return f"{day:%Y-%m-%d}", day, day + DAY


def _week(day: date) -> tuple[str, date, date]:
    year, week, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return f"{year:04}-W{week:02}", monday, monday + timedelta(weeks=1)


def _month(day: date) -> tuple[str, date, date]:
    first = day.replace(day=1)
    return f"{first:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1)


# The name, the first day and the day after the last, of the period that a day lies in.
SPANS: dict[Granularity, Callable[[date], tuple[str, date, date]]] = {
    Granularity.DAY: _day,
    Granularity.WEEK: _week,
    Granularity.MONTH: _month,
}


def refuse_far(moment: datetime, field: str = "at") -> None:
    """Raise InvalidInput for a moment outside the years 1900 to 9000."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidInput(
            f"{field} is in the year {moment.year}; it must be {FIRST_YEAR} to {LAST_YEAR}", field=field
        )


def refuse_backwards(start: datetime, stop: datetime, fields: tuple[str, str] = ("from", "to")) -> None:
    """Raise InvalidInput for a span in which there is no moment.

    Args:
        fields: what its start and its stop are called
    """
    first, last = fields
    if start >= stop:
        raise InvalidInput(
            f"{last} is {clock.iso(stop)}; it must be after {first}, which is {clock.iso(start)}", field=last
        )


def _far(written: str | float, field: str, unit: TimeUnit | None) -> InvalidInput:
    where = f"in the year {int(str(written)[:4])}" if unit is None else f"{written!r}, too far from 1970"
    return InvalidInput(f"{field} is {where}; it must be {FIRST_YEAR} to {LAST_YEAR}", field=field)


def _no_period(name: str, field: str) -> InvalidInput:
    return InvalidInput(f"{field} is {name!r}; it must be {NAME_RULE}", field=field)
