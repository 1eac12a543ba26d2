"""Periods whose users were imported as a whole: nothing shorter, and not every longer period, has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from donebit.activity.periods.calendar import Calendar, Granularity, Period, bounds
from donebit.activity.periods.expiry import AHEAD, ExpiryPolicy
from donebit.store.key_names_of_activity import APART

LONGER = {
    Granularity.HOUR: (Granularity.DAY, Granularity.WEEK, Granularity.MONTH),
    Granularity.DAY: (Granularity.WEEK, Granularity.MONTH),
    Granularity.WEEK: (Granularity.MONTH,),
    Granularity.MONTH: (),
    Granularity.ALL: (),
}


@dataclass(frozen=True, slots=True)
class ImportedPeriods:
    """The periods of an event that were imported, as far as they have not expired at `now`."""

    calendar: Calendar
    expiry: ExpiryPolicy
    names: Collection[str]
    now: datetime

    def within(self, start: datetime, stop: datetime, cover: Sequence[Period]) -> list[Period]:
        """Imported periods that lie in [start, stop) and in none of the periods of `cover`, ascending.

        With them, the cover holds everybody who is known to have been there: an imported week that reaches
        from one month into the next is in neither of them. In place of one that has expired stands who is
        kept apart.
        """
        end = None if stop >= self.now + 2 * AHEAD else stop  # nobody can have been there any later
        covered = {one.name for one in cover}
        having = (
            one
            for around, names in _parsed(self.calendar, frozenset(self.names))
            if covered.isdisjoint(names)
            for one in self._having(*around)
        )
        return sorted(
            {one for one in having if begins(one) >= start and (not end or bounds(one)[1] <= end)}, key=begins
        )

    def _having(self, period: Period, *longer: Period) -> list[Period]:
        """The period; or where it has expired, the kept ones that have its users.

        The next longer one is among them, as earlier versions dropped who is kept apart with the period.
        """
        if self._keeps(period):
            return [period]
        known = [one for one in longer if self._keeps(one)][:1]
        return [*known, *([apart(period)] if is_apart(period) and self._keeps(apart(period)) else [])]

    def dropped(self, start: datetime, stop: datetime) -> set[tuple[str, ...]]:
        """Imported periods in [start, stop) that have expired, each as the kept longer ones around it."""
        return {
            tuple(one.name for one in longer if self._keeps(one))
            for (period, *longer), _ in _parsed(self.calendar, frozenset(self.names))
            if start <= begins(period) and bounds(period)[1] <= stop and not self._keeps(period)
        }

    def _keeps(self, period: Period) -> bool:
        return self.expiry.keeps(period, self.now)


@lru_cache(maxsize=64)
def _parsed(
    calendar: Calendar, names: frozenset[str]
) -> tuple[tuple[tuple[Period, ...], frozenset[str]], ...]:
    """The periods of these names, ascending, each with the longer ones that hold it, and the names of both.

    Cached, as each row of a question asks again, and an event may have hundreds.
    """
    periods = sorted((calendar.named(name, "period") for name in sorted(names)), key=begins)
    around = [(period, *longer_around(calendar, period)) for period in periods]
    return tuple((each, frozenset(one.name for one in each)) for each in around)


def apart(period: Period) -> Period:
    """The users of a period who were imported for it as a whole, as a period of their own."""
    return replace(period, name=period.name + APART)


def is_apart(period: Period) -> bool:
    """Whether an import is kept apart too: the days do not hold it, and would be all that is known."""
    return period.granularity in (Granularity.WEEK, Granularity.MONTH, Granularity.ALL)


def begins(period: Period) -> datetime:
    """When a period begins, in UTC."""
    return bounds(period)[0]


def contains(outer: Period, inner: Period) -> bool:
    """Whether a period, which is not all time, lies in another as a whole."""
    return begins(outer) <= begins(inner) and bounds(inner)[1] <= bounds(outer)[1]


def longer_around(calendar: Calendar, period: Period) -> list[Period]:
    """The longer periods that a period lies in as a whole; a week may lie in no month."""
    if period.start is None:
        return []
    around = (calendar.period_at(granularity, period.start) for granularity in LONGER[period.granularity])
    return [one for one in around if contains(one, period)]


def is_lost_in_spans(calendar: Calendar, period: Period) -> bool:
    """Whether a span may cover an imported period with others that do not hold it.

    An hour is in its day, and a day in every longer period, unless the zone's days begin at half past.
    """
    if period.granularity is Granularity.HOUR:
        return calendar.period_at(Granularity.DAY, begins(period)) not in longer_around(calendar, period)
    if period.granularity is Granularity.DAY:
        return any(bound.minute for bound in bounds(period))
    return period.granularity in (Granularity.WEEK, Granularity.MONTH)
