"""Which bitmaps together hold all visits before a moment, as far back as they are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from donebit.activity.periods.calendar import FIRST_YEAR, Calendar, Granularity, Period, bounds
from donebit.activity.periods.expiry import EARLIEST, ExpiryPolicy
from donebit.activity.periods.imported import ImportedPeriods, begins, contains

# The longest first: the fewest bitmaps. Hours are left out: their visits are in the days as well.
LONGEST_FIRST = (Granularity.MONTH, Granularity.WEEK, Granularity.DAY)
FIRST = datetime(FIRST_YEAR + 1, 1, 1, tzinfo=UTC)  # before it no period is looked for


@dataclass(frozen=True, slots=True)
class RetainedPeriods:
    """The periods of an event that have not expired at the moment `now`."""

    calendar: Calendar
    expiry: ExpiryPolicy
    names: Collection[str]  # of all periods in which the event has visits
    now: datetime
    imported: Collection[str] = ()  # of the periods that were imported as a whole

    def history(self, stop: datetime) -> list[Period]:
        """Periods with visits that together hold all retained visits before `stop`, ascending.

        Months as far as they fit, then weeks and days at both ends: towards `stop`, and further back where
        an event keeps its days or weeks for longer than its months. Then imported periods that these do not
        contain.
        """
        return self.history_of(self.covering(stop), stop)

    def history_of(self, cover: Sequence[Period], stop: datetime) -> list[Period]:
        """The `history` before a moment, of which the cover is known already."""
        imported = self.imported_beside(cover, stop) if self.imported else []
        return [*(period for period in cover if period.name in self.names), *imported]

    def imported_besides(self, granularity: Granularity, stop: datetime) -> list[Period]:
        """Imported periods that end by `stop`, and that no period of this granularity contains."""
        around = partial(self.calendar.period_at, granularity)
        periods = self.imported_beside((), stop) if self.imported else []
        return [period for period in periods if not contains(around(begins(period)), period)]

    def imported_beside(self, cover: Sequence[Period], stop: datetime) -> list[Period]:
        """Imported periods that end by `stop`, and that no period of `cover` contains."""
        known = ImportedPeriods(self.calendar, self.expiry, self.imported, self.now)
        return known.within(EARLIEST, stop, cover)

    def known_later(
        self, covers: Sequence[Sequence[Period]], stops: Sequence[datetime]
    ) -> list[list[Period]]:
        """For each of successive moments, periods that alone have visits from before the moment above it.

        Of the first month of a matrix, say, only the days are kept in which its rows begin: once the month is
        over, it has those who were there on the others.

        Args:
            covers: what is `covering` each of the moments.
        """
        since = max(self.known_from(), self._earliest())  # no visit that is kept was earlier
        if self._whole_from(covers[0], stops[0]) <= since:
            return [[] for _ in stops]
        above = zip(covers, stops, strict=True)
        later = zip(covers[1:], above, strict=False)
        return [[], *(self._only_in(cover, *before) for cover, before in later)]

    def _only_in(self, cover: Sequence[Period], above: Sequence[Period], moment: datetime) -> list[Period]:
        """Periods of a cover that have visits from before a moment, which its own cover does not have."""
        known = {one.name for one in above}
        new = [one for one in cover if one.name not in known and one.name in self.names]
        whole_from = self._whole_from(above, moment)
        return [one for one in new if begins(one) < whole_from]

    def _whole_from(self, cover: Sequence[Period], stop: datetime) -> datetime:
        """The moment from which a cover has every time up to its end."""
        whole = stop
        for period in reversed(cover):
            if bounds(period)[1] < whole:
                break
            whole = min(whole, begins(period))
        return whole

    def covering(self, stop: datetime) -> list[Period]:
        """The retained periods of `history`, whether they have visits or not, without imported ones."""
        return self.covering_from(self._earliest(), stop) if self.names else []

    def covering_from(self, start: datetime, stop: datetime) -> list[Period]:
        """The retained periods that together hold all visits from `start` to `stop`."""
        return self._cover(start, stop, stop, LONGEST_FIRST)

    def known_from(self) -> datetime:
        """No visit before this moment is retained at any granularity."""
        oldest = {granularity: self.expiry.since(granularity, self.now) for granularity in LONGEST_FIRST}
        return min(
            bounds(self.calendar.period_at(granularity, max(since, FIRST)))[0]
            for granularity, since in oldest.items()
            if since
        )

    def _earliest(self) -> datetime:
        """A moment before all periods: an ISO year may begin up to three days before the calendar year."""
        years = (int(name[:4]) for name in self.names if name[:4].isdecimal())
        year = max(FIRST.year, min(years, default=FIRST.year))
        return datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=5)

    def _cover(
        self, start: datetime, stop: datetime, by: datetime, granularities: tuple[Granularity, ...]
    ) -> list[Period]:
        """Periods that hold all retained visits from `start` to `stop`, and none from `by` on."""
        if not granularities or start >= stop:
            return []
        longest, *shorter = granularities
        periods = self._periods(longest, start, stop, by)
        if not periods:
            return self._cover(start, stop, by, tuple(shorter))
        first, last = bounds(periods[0])[0], bounds(periods[-1])[1]
        earlier = self._cover(start, first, by, tuple(shorter))
        return [*earlier, *periods, *self._cover(last, stop, by, tuple(shorter))]

    def _periods(
        self, granularity: Granularity, start: datetime, stop: datetime, by: datetime
    ) -> list[Period]:
        """The retained periods of one granularity, ascending from the one that contains `start`.

        The last may end after `stop`, but not after `by`: a week may begin in a month that has expired and
        end in one that has not.
        """
        periods: list[Period] = []
        period = self.calendar.period_at(granularity, stop)
        if bounds(period)[0] == stop or bounds(period)[1] > by:
            period = self.calendar.before(period)
        while bounds(period)[1] > start and self.expiry.keeps(period, self.now):
            periods.append(period)
            period = self.calendar.before(period)
        return periods[::-1]
