"""Spans of days or hours, from one moment to another, as the fewest retained periods that cover them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from donebit import clock
from donebit.activity.periods.calendar import (
    DAY,
    HOUR,
    SPANS,
    Calendar,
    Granularity,
    Period,
    refuse_backwards,
    refuse_far,
)
from donebit.activity.periods.expiry import AHEAD, EARLIEST, ExpiryPolicy
from donebit.activity.periods.imported import ImportedPeriods, begins
from donebit.errors import InvalidInput

MOST_DAYS = 8000  # 21 years: as many months as one question may read bitmaps
MOST_HOURS = 256
LARGE = (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)


@dataclass(frozen=True, slots=True)
class Span:
    """[start, stop) and the periods whose union it is; both ends are None for all time."""

    name: str  # a granularity, or range
    start: datetime | None
    stop: datetime | None
    periods: tuple[Period, ...]

    @classmethod
    def of(cls, period: Period) -> Span:
        """The span of a single period."""
        return cls(period.granularity, period.start, period.stop, (period,))


def between(
    calendar: Calendar,
    expiry: ExpiryPolicy,
    start: datetime,
    stop: datetime,
    *,
    now: datetime,
    imported: Collection[str] = (),
) -> Span:
    """Any from-to.

    Args:
        imported: names of periods whose users were imported as a whole. Those within the span that its other
            periods do not contain are added to them.

    Raises:
        InvalidInput: as SpanBuilder.periods does.
    """
    cover = SpanBuilder(calendar, expiry, now).periods(start, stop)
    more = ImportedPeriods(calendar, expiry, imported, now).within(start, stop, cover)
    return Span("range", start, stop, tuple(sorted((*cover, *more), key=begins)) if more else cover)


@dataclass(frozen=True, slots=True)
class Ends:
    """What the two ends of a span are called in error messages."""

    start: str = "from"
    stop: str = "to"


FROM_TO = Ends()


@dataclass(frozen=True, slots=True)
class SpanBuilder:
    """Divides spans into periods of the site's calendar that have not expired at `now`."""

    calendar: Calendar
    expiry: ExpiryPolicy
    now: datetime
    ends: Ends = FROM_TO

    def periods(self, start: datetime, stop: datetime) -> tuple[Period, ...]:
        """The fewest periods that cover [start, stop) and have not expired, ascending.

        Both ends must be the start of a day of the site, or a whole hour of UTC.

        Raises:
            InvalidInput: the span is empty or too long, an end is neither a day nor a whole hour, or the
                periods that would cover the span have expired.
        """
        refuse_far(start, self.ends.start)
        refuse_far(stop, self.ends.stop)
        self._refuse_empty_or_long(start, stop)
        first, last = self._midnight_from(start), self._midnight_until(stop)
        if first is None or last is None or first > last:
            return tuple(self._hours(start, stop, self.ends.start))
        begins, ends = self.calendar.midnight(first), self.calendar.midnight(last)
        return (
            *self._hours(start, begins, self.ends.start),
            *self._days(first, last, date.max if self._is_ahead(stop) else last),
            *self._hours(ends, stop, self.ends.stop),
        )

    def _refuse_empty_or_long(self, start: datetime, stop: datetime) -> None:
        start_name, stop_name = self.ends.start, self.ends.stop
        refuse_backwards(start, stop, (start_name, stop_name))
        if stop - start > MOST_DAYS * DAY:
            raise InvalidInput(
                f"{start_name} to {stop_name} is {(stop - start).days} days; at most {MOST_DAYS}",
                field=start_name,
            )

    def _midnight_from(self, moment: datetime) -> date | None:
        """The first day that begins at or after a moment; None if it does not begin with a whole hour."""
        day = self.calendar.day_of(moment)
        if self.calendar.midnight(day) == moment:
            return day
        begin = self.calendar.midnight(day + DAY)
        return day + DAY if _is_hour(begin) else None

    def _midnight_until(self, moment: datetime) -> date | None:
        """The last day that begins at or before a moment; None if it does not begin with a whole hour."""
        day = self.calendar.day_of(moment)
        begin = self.calendar.midnight(day)
        return day if begin == moment or _is_hour(begin) else None

    def _hours(self, start: datetime, stop: datetime, field: str) -> Iterator[Period]:
        """Every hour of [start, stop); none if that is empty."""
        if start == stop:
            return
        for moment, name in ((start, self.ends.start), (stop, self.ends.stop)):
            if not _is_hour(moment):
                raise InvalidInput(
                    f"{name} is {clock.iso(moment)}; both ends must be days of {self.calendar.zone.key}, or "
                    "whole hours",
                    field=name,
                )
        if stop - start > MOST_HOURS * HOUR:
            raise InvalidInput(
                f"{field}: {(stop - start) // HOUR} hours would be read one by one, at most {MOST_HOURS}; "
                f"let the span begin and end with days of {self.calendar.zone.key}",
                field=field,
            )
        for period in self.calendar.between(Granularity.HOUR, start, stop):
            self.expiry.check(period, self.now, field)
            yield period

    def _is_ahead(self, stop: datetime) -> bool:
        """Whether there can be no visit at or after the end of a span, even from a client's fast clock."""
        return stop >= self.now + 2 * AHEAD

    def _days(self, first: date, last: date, bound: date) -> Iterator[Period]:
        """The fewest days, weeks and months that together cover [first, last), none ending after `bound`.

        They may overlap, as a user in two of them is one bit of their union. Covering an interval takes the
        fewest pieces if each one reaches as far as possible.
        """
        oldest = {granularity: max(first, self._oldest(granularity)) for granularity in LARGE}
        day = first
        while day < last:
            spans = {granularity: SPANS[granularity](day) for granularity in LARGE}
            usable = [g for g, (_, begin, after) in spans.items() if begin >= oldest[g] and after <= bound]
            if not usable:
                raise self._expired(first)
            after, best = max((spans[g][2], g) for g in usable)
            yield self.calendar.period_at(best, self.calendar.midnight(day))
            day = after

    def _oldest(self, granularity: Granularity) -> date:
        """The first day of the oldest period that has not expired."""
        moment = self.expiry.since(granularity, self.now) or EARLIEST
        start = self.calendar.period_at(granularity, moment).start
        return self.calendar.day_of(start or EARLIEST)

    def _expired(self, first: date) -> InvalidInput:
        kept = ", ".join(f"{granularity}s from {self._oldest(granularity)}" for granularity in LARGE)
        return InvalidInput(
            f"{self.ends.start} is {first}, and the span cannot be made up of what is still kept: {kept}",
            field=self.ends.start,
        )


def _is_hour(moment: datetime) -> bool:
    return (moment.minute, moment.second, moment.microsecond) == (0, 0, 0)
