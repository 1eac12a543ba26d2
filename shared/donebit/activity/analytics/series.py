"""One event over time: distinct users of each period, and of rolling windows of periods."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity, Period, bounds, refuse_backwards, refuse_far
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import Bitmap, Scratch
from donebit.store.matrices import Windows

MOST_COLUMNS = 500  # more than the days that are kept by default
USUAL_COLUMNS = 30
MOST_ROLLING = 100  # periods in a window
# 6 windows of 30 full segments take less than a millisecond, in which the server serves no other client. Of
# wide windows, with the unions of blocks, fewer do: benchmarks/beside_questions.py has what a mark waits for.
WINDOWS_A_SCRIPT, WIDE_WINDOWS_A_SCRIPT = 6, 4
BLOCK = 16  # periods of which a script makes the union, once for all windows that have all of them
WIDE = 3 * BLOCK  # periods of a window, from which on that saves more than it takes
FEWEST_HOURS = 20  # no day is shorter, wherever clocks are changed


@dataclass(frozen=True, slots=True)
class Column:
    """A period with its distinct users; `rolling` has those of the window that ends with it, if requested."""

    period: Period
    count: int
    rolling: int | None = None


def columns(
    site: Site,
    event: Event,
    granularity: Granularity,
    *,
    start: datetime | None = None,
    stop: datetime | None = None,
    rolling: int | None = None,
    now: datetime,
) -> list[Column]:
    """A column for each period that overlaps [start, stop).

    Args:
        start: by default so early that there are 30 columns.
        stop: by default the end of the current period.
        rolling: how many periods a window has, the last of them the column's own; None for no windows.

    Raises:
        InvalidInput: there are no columns or too many, or the first column or its window has expired.
    """
    periods = column_periods(site, granularity, start, stop, now)
    earlier = periods_before(site, event, periods[0], (rolling or 1) - 1, now)
    event.expiry.check(periods[0], now, "from")
    bitmaps = [Bitmap(event.name, period.name) for period in (*earlier, *periods)]
    counts = algebra.counts(site.store, bitmaps[len(earlier) :])
    if rolling is None:
        return [Column(*fields) for fields in zip(periods, counts, strict=True)]
    windows = rolling_counts(site.store, bitmaps, rolling) if rolling > 1 else counts
    more = windows_with_imports(site, event, (*earlier, *periods), rolling, now)
    if more:
        counted = dict(zip(more, algebra.counts(site.store, list(more.values())), strict=True))
        windows = [counted.get(place, users) for place, users in enumerate(windows)]
    return [Column(*fields) for fields in zip(periods, counts, windows, strict=True)]


def column_periods(
    site: Site, granularity: Granularity, start: datetime | None, stop: datetime | None, now: datetime
) -> list[Period]:
    """The columns' periods, ascending. Raises InvalidInput for none or too many."""
    current = site.calendar.period_at(granularity, now)
    stop = stop or current.stop or now
    refuse_far(stop, "to")
    if start is None:
        first = site.calendar.period_at(granularity, stop - timedelta(microseconds=1))
        for _ in range(USUAL_COLUMNS - 1):
            first = site.calendar.before(first)
        start = first.start or stop
    refuse_backwards(start, stop)
    periods: list[Period] = []
    for period in site.calendar.between(granularity, start, stop):
        if len(periods) == MOST_COLUMNS:
            raise InvalidInput(
                f"from and to are more than {MOST_COLUMNS} {granularity}s apart; that many are the maximum",
                field="from",
            )
        periods.append(period)
    return periods


def periods_before(site: Site, event: Event, first: Period, number: int, now: datetime) -> list[Period]:
    """The `number` periods before the first, ascending. Raises InvalidInput if one has expired."""
    periods: list[Period] = []
    period = first
    for _ in range(number):
        period = site.calendar.before(period)
        if not event.expiry.keeps(period, now):
            raise InvalidInput(
                f"a window of {number + 1} {first.granularity}s that ends with {first.name} begins before "
                f"{period.name}, which is no longer kept; from must be later, or rolling less",
                field="from",
            )
        periods.append(period)
    return periods[::-1]


def rolling_counts(store: Store, bitmaps: Sequence[Bitmap], width: int) -> list[int]:
    """How many distinct users each window of `width` successive bitmaps has.

    Raises:
        InvalidInput: too many bitmaps would be read.
    """
    segments = algebra.segments_of(store, set(bitmaps))
    scripts_of_a_segment = -(-(len(bitmaps) - width + 1) // windows_a_script(width))
    every = len(frozenset().union(*segments.values()))
    algebra.refuse_heavy(every * (len(bitmaps) + scripts_of_a_segment * width), "rolling")
    counts = [0] * (len(bitmaps) - width + 1)
    scripts = [
        script
        for number in sorted(frozenset().union(*segments.values()))
        for script in window_scripts(number, bitmaps, [number in segments[one] for one in bitmaps], width)
    ]
    answers = store.matrices.rolling_counts([windows for _, windows in scripts])
    for (first, _), answer in zip(scripts, answers, strict=True):
        for place, count in enumerate(answer, first):
            counts[place] += count
    return counts


def windows_a_script(width: int) -> int:
    """How many windows of so many periods one script counts."""
    return WIDE_WINDOWS_A_SCRIPT if width >= WIDE else min(WINDOWS_A_SCRIPT, width)


def window_scripts(
    segment: int, bitmaps: Sequence[Bitmap], there: Sequence[bool], width: int
) -> Iterator[tuple[int, Windows]]:
    """(place of its first bitmap, some windows), for all windows of a segment that it has anything of.

    Args:
        there: which of the bitmaps the segment has.
    """
    at_once, last = windows_a_script(width), len(bitmaps) - width
    blocks = Blocks(bitmaps, there)
    for first in range(0, last + 1, at_once):
        final = min(first + at_once - 1, last)
        if not any(there[first : final + width]):
            continue
        parts = blocks.covering(first, final, width)
        sources, are_there = zip(*parts, strict=True)
        yield first, Windows(segment, sources, are_there, len(parts) - (final - first), blocks.new())


class Blocks:
    """Unions of successive bitmaps of one segment, for windows that have all of them in common."""

    def __init__(self, bitmaps: Sequence[Bitmap], there: Sequence[bool]) -> None:
        self._bitmaps, self._there = bitmaps, there
        self._token = uuid.uuid4().hex
        self._made: dict[int, tuple[Bitmap | Scratch, bool]] = {}
        self._new: list[tuple[Scratch, tuple[Bitmap, ...]]] = []

    def covering(self, first: int, final: int, width: int) -> list[tuple[Bitmap | Scratch, bool]]:
        """What windows consist of, and whether it is there: where all have a block in common, that.

        Args:
            first: the place of the first window
            final: that of the last
            width: how many bitmaps each has
        """
        parts: list[tuple[Bitmap | Scratch, bool]] = []
        place, stop = first, final + width
        while place < stop:
            is_common = width >= WIDE and place >= final and place + BLOCK <= first + width
            if is_common and place % BLOCK == 0:
                parts.append(self._block(place))
                place += BLOCK
            else:
                parts.append((self._bitmaps[place], self._there[place]))
                place += 1
        return parts

    def new(self) -> tuple[tuple[Scratch, tuple[Bitmap, ...]], ...]:
        """The blocks that were not there before, and what each is the union of."""
        new, self._new = tuple(self._new), []
        return new

    def _block(self, place: int) -> tuple[Bitmap | Scratch, bool]:
        if place not in self._made:
            of_block = slice(place, place + BLOCK)
            pairs = zip(self._bitmaps[of_block], self._there[of_block], strict=True)
            found = tuple(bitmap for bitmap, is_there in pairs if is_there)
            scratch = Scratch(self._token, place)
            if len(found) > 1:
                self._new.append((scratch, found))
            self._made[place] = (found[0] if len(found) == 1 else scratch, bool(found))
        return self._made[place]


def windows_with_imports(
    site: Site, event: Event, periods: Sequence[Period], width: int, now: datetime
) -> dict[int, Set]:
    """By place, the windows in which an imported period lies that their periods do not contain."""
    imports, found = event.imports(site.calendar, now), dict[int, Set]()
    if periods[0].granularity is Granularity.HOUR and width >= FEWEST_HOURS:
        imports = replace(imports, names={*imports.names, *imported_days(site, event, periods, now)})
    for place in range(len(periods) - width + 1 if imports.names else 0):
        window = periods[place : place + width]
        if more := imports.within(bounds(window[0])[0], bounds(window[-1])[1], window):
            found[place] = union([Bitmap(event.name, period.name) for period in (*window, *more)])
    return found


def imported_days(site: Site, event: Event, hours: Sequence[Period], now: datetime) -> list[str]:
    """The days of these hours that have users who are in no hour, by name: they were imported for the day.

    Days are not noted as imported, as every longer period has their users.
    """
    start, stop = bounds(hours[0])[0], bounds(hours[-1])[1]
    days = [
        day
        for day in site.calendar.between(Granularity.DAY, start, stop)
        if bounds(day)[0] >= start and event.expiry.keeps(day, now)
    ]
    imported = [
        without(
            Bitmap(event.name, day.name),
            union([Bitmap(event.name, one.name) for one in hours_of(day, hours)]),
        )
        for day in days
    ]
    counts = algebra.counts(site.store, imported)
    return [day.name for day, users in zip(days, counts, strict=True) if users]


def hours_of(day: Period, hours: Sequence[Period]) -> list[Period]:
    """Those of the hours that a day has a part of."""
    start, stop = bounds(day)
    return [one for one in hours if bounds(one)[0] < stop and bounds(one)[1] > start]
