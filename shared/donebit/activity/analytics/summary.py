"""The figures of an event for a dashboard, in few round trips: now, recently, and day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from donebit.activity.events.event import Event
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import ALL_TIME, Granularity, Period, bounds
from donebit.activity.periods.expiry import EARLIEST
from donebit.activity.periods.history import RetainedPeriods
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

MOST_DAYS = 90
MONTHS_BACK = timedelta(days=60 * 31)  # how long months are kept by default
# Of the bitmaps of one question: of the periods before today, and of imported ones that these do not contain.
MOST_EARLIER = 190
MOST_IMPORTED = algebra.MOST_BITMAPS - 1 - MOST_EARLIER


@dataclass(frozen=True, slots=True)
class Summary:
    """Distinct users; a figure is None if a period that it needs has expired."""

    hour: int | None
    today: int | None
    yesterday: int | None
    week: int | None
    month: int | None
    all: int | None
    rolling_7: int | None  # the last 7 days, today included
    rolling_30: int | None
    new_today: int | None  # seen today, and in no earlier period that is retained
    known_since: datetime  # every moment from then to today is in a retained period
    days: tuple[tuple[Period, int | None], ...]  # ascending, today last


def summary(site: Site, event: Event, *, days: int, now: datetime) -> Summary:
    """The figures of an event at `now`, and of the last days.

    Args:
        days: how many days the series has, today included; 1 to 90.

    Raises:
        InvalidInput: days is out of its range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"days is {days}; it must be 1 to {MOST_DAYS}", field="days")
    snapshot = EventSnapshot(site, event, now)
    series = snapshot.last_days(days)
    figures = snapshot.counts(snapshot.sets() | {day.name: snapshot.union([day]) for day in series})
    daily = tuple((day, figures.pop(day.name)) for day in series)
    return Summary(**figures, days=daily, known_since=snapshot.known_since())


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """An event at a moment, and the sets that its figures count."""

    site: Site
    event: Event
    now: datetime

    def sets(self) -> dict[str, Set | None]:
        """The set that each figure counts; None if one of its periods has expired.

        They are counted in this order: visits that arrive meanwhile have none exceed one that contains it.
        """
        today = self.running(Granularity.DAY)
        return {
            "new_today": without(self.bitmaps([today]), self.bitmaps(self.history())),
            "hour": self.union([self.running(Granularity.HOUR)]),
            "today": self.union([today]),
            "yesterday": self.union([self.site.calendar.before(today)]),
            "week": self.union([self.running(Granularity.WEEK)]),
            "month": self.union([self.running(Granularity.MONTH)]),
            "all": self.union([ALL_TIME]),
            "rolling_7": self.window(7),
            "rolling_30": self.window(30),
        }

    def window(self, days: int) -> Set | None:
        """The users of the last `days` days; None if one of them has expired.

        Their weeks and months stand for them where they can: a third of the bitmaps.
        """
        covered = self.last_days(days)
        if not all(map(self.keeps, covered)):
            return None
        start, stop = bounds(covered[0])[0], bounds(covered[-1])[1]
        calendar, expiry, imported = self.site.calendar, self.event.expiry, self.event.imported
        return self.bitmaps(
            spans.between(calendar, expiry, start, stop, now=self.now, imported=imported).periods
        )

    def history(self) -> list[Period]:
        """The latest retained periods before today, and imported ones that these do not contain."""
        today, periods = bounds(self.running(Granularity.DAY))[0], self.before_today()
        imports = self.event.imports(self.site.calendar, self.now).within(EARLIEST, today, periods)
        return [*periods, *imports[-MOST_IMPORTED:]]

    def running(self, granularity: Granularity) -> Period:
        """The current period of a granularity."""
        return self.site.calendar.period_at(granularity, self.now)

    def last_days(self, number: int) -> list[Period]:
        """The last `number` days, ascending, today last."""
        days = [self.running(Granularity.DAY)]
        while len(days) < number:
            days.append(self.site.calendar.before(days[-1]))
        return days[::-1]

    def before_today(self) -> list[Period]:
        """The fewest retained periods that hold all retained visits before today, or the latest of them.

        They are too many for one question where days or weeks alone are kept for years.
        """
        today = bounds(self.running(Granularity.DAY))[0]
        retained = RetainedPeriods(self.site.calendar, self.event.expiry, (), self.now)
        return retained.covering_from(today - MONTHS_BACK, today)[-MOST_EARLIER:]

    def known_since(self) -> datetime:
        """The start of the time before today that retained periods cover without a gap."""
        since = bounds(self.running(Granularity.DAY))[0]
        for period in sorted(self.before_today(), key=lambda one: bounds(one)[1], reverse=True):
            start, stop = bounds(period)
            if stop >= since:
                since = min(since, start)
        return since

    def keeps(self, period: Period) -> bool:
        """Whether the event's period has not expired."""
        return self.event.expiry.keeps(period, self.now)

    def union(self, periods: Sequence[Period]) -> Set | None:
        """The users of any of the periods; None if one of them has expired."""
        return self.bitmaps(periods) if all(map(self.keeps, periods)) else None

    def bitmaps(self, periods: Sequence[Period]) -> Set:
        """The users of any of the periods, expired or not."""
        return union([Bitmap(self.event.name, period.name) for period in periods])

    def counts(self, sets: Mapping[str, Set | None]) -> dict[str, int | None]:
        """How many users each set has; None for no set."""
        countable = {name: users for name, users in sets.items() if users is not None}
        numbers = algebra.counts(self.site.store, list(countable.values()))
        by_name = dict(zip(countable, numbers, strict=True))
        return {name: by_name.get(name) for name in sets}
