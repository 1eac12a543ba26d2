"""All that a dashboard says of an event, in few round trips: now, lately, and day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME, Granularity, Period, bounds
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

MOST_DAYS = 90
MONTHS_BACK = timedelta(days=60 * 31)  # as long as months are kept unless told otherwise


@dataclass(frozen=True, slots=True)
class Summary:
    """Distinct users; None where a period that it takes is no longer kept."""

    hour: int | None
    today: int | None
    yesterday: int | None
    week: int | None
    month: int | None
    all: int | None
    rolling_7: int | None  # the last 7 days, today included
    rolling_30: int | None
    new_today: int | None  # here today, and in no period before it that is kept
    known_since: datetime  # from here to today every moment lies in such a period
    days: tuple[tuple[Period, int | None], ...]  # ascending, today last


def summary(site: Site, event: Event, *, days: int, now: datetime) -> Summary:
    """The figures of this moment, and of the last days.

    Args:
        days: how many days the series has, today included; 1 to 90.

    Raises:
        InvalidInput: days is out of its range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"days is {days}; it must be 1 to {MOST_DAYS}", field="days")
    look = EventSnapshot(site, event, now)
    series = look.last_days(days)
    figures = look.counts(look.asked() | {day.name: look.union([day]) for day in series})
    daily = tuple((day, figures.pop(day.name)) for day in series)
    return Summary(**figures, days=daily, known_since=look.known_since())


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """An event at a moment: the sets that its figures count, None for what is not all kept any longer."""

    site: Site
    event: Event
    now: datetime

    def asked(self) -> dict[str, Set | None]:
        """The set of each figure."""
        today = self.running(Granularity.DAY)
        return {
            "hour": self.union([self.running(Granularity.HOUR)]),
            "today": self.union([today]),
            "yesterday": self.union([self.site.calendar.before(today)]),
            "week": self.union([self.running(Granularity.WEEK)]),
            "month": self.union([self.running(Granularity.MONTH)]),
            "all": self.union([ALL_TIME]),
            "rolling_7": self.union(self.last_days(7)),
            "rolling_30": self.union(self.last_days(30)),
            "new_today": without(self.bitmaps([today]), self.bitmaps(self.before_today())),
        }

    def running(self, granularity: Granularity) -> Period:
        return self.site.calendar.period_at(granularity, self.now)

    def last_days(self, number: int) -> list[Period]:
        """So many days, ascending, today last."""
        days = [self.running(Granularity.DAY)]
        while len(days) < number:
            days.append(self.site.calendar.before(days[-1]))
        return days[::-1]

    def before_today(self) -> list[Period]:
        """What is kept of the time before today: days of this month, weeks for days that are not, months."""
        month, today = bounds(self.running(Granularity.MONTH))[0], bounds(self.running(Granularity.DAY))[0]
        reach = {
            Granularity.DAY: month,
            Granularity.WEEK: month,
            Granularity.MONTH: today - MONTHS_BACK,
        }
        found = (
            period
            for granularity, start in reach.items()
            for period in self.site.calendar.between(granularity, start, today)
        )
        return [one for one in found if bounds(one)[1] <= today and self.keeps(one)]

    def known_since(self) -> datetime:
        """The begin of the time before today that has no hole."""
        since = bounds(self.running(Granularity.DAY))[0]
        for period in sorted(self.before_today(), key=lambda one: bounds(one)[1], reverse=True):
            start, stop = bounds(period)
            if stop >= since:
                since = min(since, start)
        return since

    def keeps(self, period: Period) -> bool:
        return self.event.expiry.keeps(period, self.now)

    def union(self, periods: Sequence[Period]) -> Set | None:
        return self.bitmaps(periods) if all(map(self.keeps, periods)) else None

    def bitmaps(self, periods: Sequence[Period]) -> Set:
        return union([Bitmap(self.event.name, period.name) for period in periods])

    def counts(self, asked: Mapping[str, Set | None]) -> dict[str, int | None]:
        """How many users each set has; None where there is no set."""
        there = {name: users for name, users in asked.items() if users is not None}
        numbers = dict(zip(there, algebra.counts(self.site.store, list(there.values())), strict=True))
        return {name: numbers.get(name) for name in asked}
