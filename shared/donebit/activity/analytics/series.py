"""One event over time: how many users each period saw, and each with those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.matrices import Windows

MOST_COLUMNS = 500  # all days that are kept by default, and some
USUAL_COLUMNS = 30
MOST_ROLLING = 100  # periods that a window has
WINDOWS_A_SCRIPT = 6  # of 30 full segments less than a millisecond, in which nobody else is served


@dataclass(frozen=True, slots=True)
class Column:
    """A period, how many users it saw, and how many it saw with those before it, where that is asked."""

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
    """Each period that has a part in [start, stop): the last 30 up to now, unless they are given.

    `rolling` is how many periods a window has, the last of them the column's own.

    Raises:
        InvalidInput: there are none or too many columns, or the first, or its window, is no longer kept.
    """
    periods = asked_periods(site, granularity, start, stop, now)
    earlier = before(site, event, periods[0], (rolling or 1) - 1, now)
    event.expiry.check(periods[0], now, "from")
    bitmaps = [Bitmap(event.name, period.name) for period in (*earlier, *periods)]
    counts = algebra.counts(site.store, bitmaps[len(earlier) :])
    if rolling is None:
        return [Column(*one) for one in zip(periods, counts, strict=True)]
    windows = rolling_counts(site.store, bitmaps, rolling) if rolling > 1 else counts
    return [Column(*one) for one in zip(periods, counts, windows, strict=True)]


def asked_periods(
    site: Site, granularity: Granularity, start: datetime | None, stop: datetime | None, now: datetime
) -> list[Period]:
    """The columns' periods, ascending."""
    current = site.calendar.period_at(granularity, now)
    stop = stop or current.stop or now
    if start is None:
        first = site.calendar.period_at(granularity, stop - timedelta(microseconds=1))
        for _ in range(USUAL_COLUMNS - 1):
            first = site.calendar.before(first)
        start = first.start or stop
    if start >= stop:
        raise InvalidInput(
            f"to is {stop:%Y-%m-%dT%H:%M:%SZ}; it must be after from, which is {start:%Y-%m-%dT%H:%M:%SZ}",
            field="to",
        )
    periods: list[Period] = []
    for period in site.calendar.between(granularity, start, stop):
        if len(periods) == MOST_COLUMNS:
            raise InvalidInput(
                f"from and to are more than {MOST_COLUMNS} {granularity}s apart; at most so many",
                field="from",
            )
        periods.append(period)
    return periods


def before(site: Site, event: Event, first: Period, many: int, now: datetime) -> list[Period]:
    """The periods before the first that its window has. Raises InvalidInput for one no longer kept."""
    found: list[Period] = []
    period = first
    for _ in range(many):
        period = site.calendar.before(period)
        if not event.expiry.keeps(period, now):
            raise InvalidInput(
                f"a window of {many + 1} {first.granularity}s that ends with {first.name} begins before "
                f"{period.name}, which is no longer kept; from must be later, or rolling less",
                field="from",
            )
        found.append(period)
    return found[::-1]


def rolling_counts(store: Store, bitmaps: Sequence[Bitmap], width: int) -> list[int]:
    """How many users each window of `width` bitmaps in a row has."""
    found = algebra.segments_of(store, set(bitmaps))
    counts = [0] * (len(bitmaps) - width + 1)
    asked = list(_windows(bitmaps, width, found))
    answers = store.matrices.rolling_counts([windows for _, windows in asked])
    for (first, _), answer in zip(asked, answers, strict=True):
        for place, count in enumerate(answer, first):
            counts[place] += count
    return counts


def _windows(
    bitmaps: Sequence[Bitmap], width: int, found: Mapping[Bitmap, frozenset[int]]
) -> Iterator[tuple[int, Windows]]:
    """(the first window, some windows of one segment), for all windows and segments."""
    at_once, last = min(WINDOWS_A_SCRIPT, width), len(bitmaps) - width
    for first in range(0, last + 1, at_once):
        part = tuple(bitmaps[first : min(first + at_once - 1, last) + width])
        for segment in sorted(frozenset().union(*(found[bitmap] for bitmap in part))):
            yield first, Windows(segment, part, tuple(segment in found[bitmap] for bitmap in part), width)
