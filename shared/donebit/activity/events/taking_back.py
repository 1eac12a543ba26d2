"""Taking back the visits of days that were loaded by mistake, out of weeks, months and all time too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import (
    ALL_TIME,
    DAY,
    HOUR,
    Granularity,
    Period,
    bounds,
    refuse_backwards,
    refuse_far,
)
from donebit.activity.periods.expiry import EARLIEST
from donebit.activity.periods.history import RetainedPeriods
from donebit.activity.periods.imported import apart, begins, contains, longer_around
from donebit.activity.site import Site
from donebit.errors import Conflict, InvalidInput
from donebit.store.bitmaps import Bitmap
from donebit.store.taking_back import Affected, SegmentTaken, TakingBack

MOST_DAYS = 62  # in one request: the bitmaps that one script reads take a few milliseconds
FIRST_VERSION = datetime(2026, 1, 1, tzinfo=UTC)  # no visit was recorded before


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was removed, or would be.

    Attributes:
        days: how many days were taken back
        users: distinct users of these days
        visits: the sum of the users of each day
        lost: by granularity, the sum of the users that its periods lost
    """

    days: int
    users: int
    visits: int
    lost: dict[Granularity, int]


def take_back(
    site: Site, name: str, start: datetime, stop: datetime, *, now: datetime, dry_run: bool = False
) -> TakenBack:
    """Take back all visits of the days in [start, stop).

    A user stays in a week, a month or all time if anything else that is kept proves them to have been there:
    another day, a week or month outside the days, or an import. A visit that arrives meanwhile is not lost.
    If the server is lost midway, some segments may be done: the same again does the rest.

    Args:
        dry_run: only count what would be removed.

    Raises:
        InvalidInput: an end is not the start of a day, there are no days or too many, they have expired or
            not begun, or a user may have been there at a time of which nothing is kept.
    """
    event = events.get(site, name)
    days = _days(site, event, start, stop, now)
    if event.kind is None:
        return TakenBack(len(days), 0, 0, {})
    taking = DayTaking(site, event, tuple(days), now)
    taking.refuse_split_hours()
    asked = taking.asked()
    held = site.store.bitmaps.segments([Bitmap(name, one) for one in asked.days])
    segments = sorted(frozenset().union(*held))
    found = site.store.taking_back.take_back(asked, segments, apply=False)
    _refuse_unknown(asked, found, event, now)
    if not dry_run:
        found = site.store.taking_back.take_back(asked, segments, apply=True)
        _refuse_unknown(asked, found, event, now, applied=True)
    return _summed(site, asked, found, len(days))


def _days(site: Site, event: Event, start: datetime, stop: datetime, now: datetime) -> list[Period]:
    """The days of [start, stop). Raises InvalidInput as `take_back` does."""
    for moment, field in ((start, "from"), (stop, "to")):
        refuse_far(moment, field)
        if site.calendar.midnight(site.calendar.day_of(moment)) != moment:
            raise InvalidInput(
                f"{field} is {moment:%Y-%m-%dT%H:%M:%SZ}; it must be the start of a day of {site.zone}, such "
                "as 2026-11-21",
                field=field,
            )
    refuse_backwards(start, stop)
    if stop > _last_stop(site, now):
        raise InvalidInput(f"to is {stop:%Y-%m-%d}; days that have not begun have no visits", field="to")
    days = list(islice(site.calendar.between(Granularity.DAY, start, stop), MOST_DAYS + 1))
    if len(days) > MOST_DAYS:
        raise InvalidInput(
            f"from and to are more than {MOST_DAYS} days apart; take fewer at once", field="to"
        )
    event.expiry.check(days[0], now, "from")
    return days


def _last_stop(site: Site, now: datetime) -> datetime:
    """The end of the last day that a visit can be in: clocks may be ahead."""
    return site.calendar.midnight(site.calendar.day_of(now) + 2 * DAY)


@dataclass(frozen=True, slots=True)
class DayTaking:
    """Days of an event that are to be taken back, and what is known about the periods around them."""

    site: Site
    event: Event
    days: tuple[Period, ...]
    now: datetime

    def asked(self) -> TakingBack:
        """The bitmaps that are read and changed."""
        hours = list(self._kept(Granularity.HOUR, self._first(Granularity.HOUR), self.stop))
        whole = [hour.name for hour in hours if self._is_in_a_day(hour)]
        # Imported hours that lie in two of the days go as these do: no day has their users.
        taken = [*self.days, *self._hours_in_no_day(self.start, self.stop)]
        split = (hour for hour in hours if not self._is_in_a_day(hour) and hour not in taken)
        around = [*split, *self._around()]
        assert self.event.kind is not None  # noqa: S101 - one without a kind has no visits
        return TakingBack(
            self.event.name,
            self.event.kind,
            [one.name for one in taken],
            whole,
            [*map(self._affected, around), self._all_time()],
        )

    def refuse_split_hours(self) -> None:
        """Refuse days that end within an hour that was imported.

        Raises:
            InvalidInput: an hour was imported as a whole and lies half in the days; nothing says on which of
                its two days a user was there.
        """
        for edge, field in ((self.start, "from"), (self.stop, "to")):
            for hour in self._hours_in_no_day(edge - HOUR, edge + HOUR):
                if begins(hour) < edge < bounds(hour)[1]:
                    raise InvalidInput(
                        f"the hour {hour.name} was imported as a whole and lies half in these days: take "
                        "back the days on both sides of it together",
                        field=field,
                    )

    @property
    def start(self) -> datetime:
        """When the first of the days begins."""
        return begins(self.days[0])

    @property
    def stop(self) -> datetime:
        """When the last of the days ends."""
        return bounds(self.days[-1])[1]

    @property
    def _oldest(self) -> datetime:
        """A moment before all visits; where none is noted, before all that any version could take."""
        if self.event.first_day is not None:
            return self.site.calendar.midnight(self.event.first_day)
        return FIRST_VERSION - min(self.event.expiry.day, FIRST_VERSION - EARLIEST)

    def _around(self) -> Iterator[Period]:
        """The weeks and months that have a part of the days, and are kept."""
        for granularity in (Granularity.WEEK, Granularity.MONTH):
            yield from self._kept(granularity, self.start, self.stop)

    def _is_in_a_day(self, hour: Period) -> bool:
        """Whether an hour goes with its day; one of a zone whose days begin at half past may lie in two."""
        return contains(self.site.calendar.period_at(Granularity.DAY, begins(hour)), hour)

    def _first(self, granularity: Granularity) -> datetime:
        """The start of the days, or of the hours that are still kept."""
        since = self.event.expiry.since(granularity, self.now)
        return max(self.start, since) if granularity is Granularity.HOUR and since else self.start

    def _kept(self, granularity: Granularity, start: datetime, stop: datetime) -> Iterator[Period]:
        if start < stop:
            for period in self.site.calendar.between(granularity, start, stop):
                if self.event.expiry.keeps(period, self.now):
                    yield period

    def _is_apart(self, period: Period) -> bool:
        """Whether a period has nothing of the days that are taken back."""
        start, stop = bounds(period)
        return stop <= self.start or start >= self.stop

    def _affected(self, period: Period) -> Affected:
        """What is known of a period. Bitmaps that are not there are named too: a visit may begin one."""
        start, stop = bounds(period)
        is_hour = period.granularity is Granularity.HOUR
        shorter = (Granularity.DAY,) if is_hour else (Granularity.DAY, Granularity.WEEK)
        within = [
            one
            for granularity in shorter
            for one in self._kept(granularity, start, stop)
            if self._is_apart(one)
            # An hour of a zone whose days begin at half past lies in two days.
            and (contains(period, one) or is_hour)
        ]
        if is_hour:
            return Affected(period.name, [one.name for one in within], [])
        expired = self._expired(max(start, self._oldest), stop, within)
        expired += self._dropped_imports(start, stop)
        hours = filter(self._is_apart, self._hours_in_no_day(start, stop))
        staying = [*within, *hours, *self._kept_apart(start, stop, ())]
        return Affected(period.name, [one.name for one in staying], expired)

    def _hours_in_no_day(self, start: datetime, stop: datetime) -> Iterator[Period]:
        """Imported hours within a time that lie in two days, so that no day has their users."""
        for one in self.event.imports(self.site.calendar, self.now).within(start, stop, ()):
            if one.granularity is Granularity.HOUR and not self._is_in_a_day(one):
                yield one

    def _all_time(self) -> Affected:
        """What is known of all time: the periods before the days, and those after them."""
        event, calendar = self.event, self.site.calendar
        known = RetainedPeriods(calendar, event.expiry, (), self.now, event.imported)
        cover = known.covering_from(known.known_from(), self.start)
        last = _last_stop(self.site, self.now)
        after: tuple[Period, ...] = ()
        if self.stop < last:
            after = spans.between(
                calendar, event.expiry, self.stop, last, now=self.now, imported=event.imported
            ).periods
        expired = self._expired(max(self._oldest, known.known_from()), self.start, cover)
        expired += self._dropped_imports(EARLIEST, last)
        if self._oldest < known.known_from():
            expired = [[], *expired]
        whole = self._kept_apart(known.known_from(), last + 31 * DAY, (*cover, *after))
        staying = [*cover, *known.imported_beside(cover, self.start), *after, *whole, apart(ALL_TIME)]
        return Affected(ALL_TIME.name, list(dict.fromkeys(one.name for one in staying)), expired)

    def _dropped_imports(self, start: datetime, stop: datetime) -> list[Sequence[str]]:
        """Imports of a time that have expired; no day has their users."""
        imports = self.event.imports(self.site.calendar, self.now)
        return [*sorted(imports.dropped(start, stop))]

    def _kept_apart(self, start: datetime, stop: datetime, cover: Sequence[Period]) -> list[Period]:
        """What may be imported as a whole within a time, without what lies in periods of `cover`."""
        covered = {one.name for one in cover}
        return [
            apart(one)
            for granularity in (Granularity.WEEK, Granularity.MONTH)
            for one in self._kept(granularity, start, stop)
            if start <= begins(one)
            and bounds(one)[1] <= stop
            and covered.isdisjoint(other.name for other in (one, *longer_around(self.site.calendar, one)))
        ]

    def _expired(self, start: datetime, stop: datetime, known: Sequence[Period]) -> list[Sequence[str]]:
        """The days from `start` to the days taken back that are in no known period, by what contains them."""
        groups = dict[tuple[str, ...], None]()
        if start >= min(stop, self.start):
            return []
        for day in self.site.calendar.between(Granularity.DAY, start, min(stop, self.start)):
            if self.event.expiry.keeps(day, self.now) or any(contains(one, day) for one in known):
                continue
            around = [
                self.site.calendar.period_at(granularity, begins(day))
                for granularity in (Granularity.WEEK, Granularity.MONTH)
            ]
            kept = tuple(one.name for one in around if self.event.expiry.keeps(one, self.now))
            groups[kept] = None
        return list(groups)


def _refuse_unknown(
    asked: TakingBack, found: Sequence[SegmentTaken], event: Event, now: datetime, *, applied: bool = False
) -> None:
    """Refuse a result that nothing proves: with Conflict if part has been taken back, else InvalidInput."""
    unknown = [one.unknown for one in found if one.unknown is not None]
    if not unknown:
        return
    period = asked.affected[unknown[0]].period
    what = "all time" if period == ALL_TIME.name else period
    since = event.expiry.since(Granularity.MONTH if period == ALL_TIME.name else Granularity.DAY, now)
    detail = (
        f"cannot take back: the kept data cannot show whether users of {asked.days[0]} were also in {what} "
        f"before {since:%Y-%m-%dT%H:%M:%SZ}"
    )
    if applied and len(unknown) < len(found):
        raise Conflict(
            f"{detail}; their visits came meanwhile, and were not taken back; those in "
            f"{len(found) - len(unknown)} of {len(found)} segments were"
        )
    raise InvalidInput(f"{detail}; nothing was changed", field="from")


def _summed(site: Site, asked: TakingBack, found: Sequence[SegmentTaken], days: int) -> TakenBack:
    lost = dict.fromkeys((Granularity.WEEK, Granularity.MONTH, Granularity.ALL), 0)
    granularities = [site.calendar.named(one.period, "period").granularity for one in asked.affected]
    for one in found:
        for granularity, users in zip(granularities, one.lost, strict=True):
            if granularity in lost:
                lost[granularity] += users
    return TakenBack(days, sum(one.users for one in found), sum(one.visits for one in found), lost)
