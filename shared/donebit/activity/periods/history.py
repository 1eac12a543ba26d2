"""Which bitmaps together tell who was there before a moment, as far back as anything is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from donebit.activity.periods.calendar import FIRST_YEAR, Calendar, Granularity, Period, bounds
from donebit.activity.periods.expiry import ExpiryPolicy

# The longest first: the fewest bitmaps. Hours are left out: their visits are in the days as well.
LONGEST_FIRST = (Granularity.MONTH, Granularity.WEEK, Granularity.DAY)
FIRST = datetime(FIRST_YEAR + 1, 1, 1, tzinfo=UTC)  # before it no period is looked for


@dataclass(frozen=True, slots=True)
class RetainedPeriods:
    """The periods of an event that are kept at a moment."""

    calendar: Calendar
    expiry: ExpiryPolicy
    names: Collection[str]  # of all periods that the event has visits in
    now: datetime

    def before(self, stop: datetime) -> list[Period]:
        """Periods with visits that together hold all that is known of the time before `stop`, ascending.

        Months as far as they fit, then weeks and days for what they leave at both ends: towards `stop`, and
        further back where an event keeps its days or weeks for longer than its months.
        """
        found = self._cover(self._nothing_before(), stop, stop, LONGEST_FIRST) if self.names else []
        return [period for period in found if period.name in self.names]

    def known_from(self) -> datetime:
        """Of the time before it nothing is kept."""
        reach = {one: self.expiry.since(one, self.now) for one in LONGEST_FIRST}
        return min(
            bounds(self.calendar.period_at(one, max(since, FIRST)))[0]
            for one, since in reach.items()
            if since
        )

    def _nothing_before(self) -> datetime:
        """When the earliest year of the periods begins; that of an ISO week may, up to three days earlier."""
        year = max(FIRST.year, min(int(name[:4]) for name in self.names if name[:4].isdecimal()))
        return datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=5)

    def _cover(
        self, start: datetime, stop: datetime, by: datetime, granularities: tuple[Granularity, ...]
    ) -> list[Period]:
        """Periods that hold what is kept from `start` to `stop`, and nothing from `by` on."""
        if not granularities or start >= stop:
            return []
        longest, *shorter = granularities
        found = self._periods(longest, start, stop, by)
        if not found:
            return self._cover(start, stop, by, tuple(shorter))
        first, last = bounds(found[0])[0], bounds(found[-1])[1]
        earlier = self._cover(start, first, by, tuple(shorter))
        return [*earlier, *found, *self._cover(last, stop, by, tuple(shorter))]

    def _periods(
        self, granularity: Granularity, start: datetime, stop: datetime, by: datetime
    ) -> list[Period]:
        """Those of one granularity that are kept, from the one that `start` lies in on.

        The last may end behind `stop`, if by `by`: a week may reach from a month that is gone into one that
        is kept.
        """
        found: list[Period] = []
        period = self.calendar.period_at(granularity, stop)
        if bounds(period)[0] == stop or bounds(period)[1] > by:
            period = self.calendar.before(period)
        while bounds(period)[1] > start and self.expiry.keeps(period, self.now):
            found.append(period)
            period = self.calendar.before(period)
        return found[::-1]
