"""Stickiness: in how many of some periods each user was active, and the ratios of DAU, WAU and MAU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from donebit.activity.analytics.retention import Question, refuse_past
from donebit.activity.periods.calendar import Period, bounds
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set, union
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap

MOST_PERIODS = 400
MOST_DAYS = 400
WEEK, MONTH = 7, 30  # days that WAU and MAU cover, the day itself included
WORDS = -(-SEGMENT_BITS // 64)

Bits = npt.NDArray[np.uint64]  # of one segment, 64 users a word


@dataclass(frozen=True, slots=True)
class ActivityDistribution:
    """`users[n - 1]` users were active in exactly n of the periods."""

    periods: tuple[Period, ...]
    users: tuple[int, ...]

    @property
    def active(self) -> int:
        """Users who were active in any of the periods."""
        return sum(self.users)

    @property
    def visits(self) -> int:
        """The sum over all users of the periods in which they were active."""
        return sum(n * users for n, users in enumerate(self.users, start=1))


@dataclass(frozen=True, slots=True)
class Active:
    """Distinct users of a day, and of the 7 and the 30 days that end with it (DAU, WAU, MAU).

    `days` is the sum over the month's users of the days, of those 30, on which they were active.
    """

    day: Period
    daily: int
    weekly: int
    monthly: int
    days: int


def distribution(site: Site, asked: Question, periods: Sequence[Period]) -> ActivityDistribution:
    """In how many of these periods each user was active; exact, and computed a segment at a time.

    Raises:
        InvalidInput: there are too many periods.
    """
    if len(periods) > MOST_PERIODS:
        raise InvalidInput(f"periods is {len(periods)}; at most {MOST_PERIODS}", field="periods")
    bitmaps = [Bitmap(asked.event.name, period.name) for period in periods]
    segments = algebra.segments_of(site.store, bitmaps)
    users = np.zeros(len(periods) + 1, np.int64)
    for segment in sorted(frozenset().union(*segments.values())):
        present = [bitmap for bitmap in bitmaps if segment in segments[bitmap]]
        histogram = _histogram(site.store.bitmaps.contents(segment, present))
        users[: len(histogram)] += histogram[: len(users)]
    return ActivityDistribution(tuple(periods), tuple(users[1:].tolist()))


def _histogram(bitmaps: Iterator[bytes]) -> npt.NDArray[np.int64]:
    """How many users are in 0, 1, 2 ... of the bitmaps; an array of 2 ** (number of planes) counts."""
    planes: list[Bits] = []
    for packed in bitmaps:
        _add(planes, _words(packed))
    everybody = np.full(WORDS, np.iinfo(np.uint64).max, np.uint64)
    return np.array(list(_sizes(planes[::-1], everybody)), np.int64)


def _add(planes: list[Bits], carry: Bits) -> None:
    """Add 1 to the count of every user in `carry`: planes[k] has the bit of 2 ** k of each user's count."""
    for k, plane in enumerate(planes):
        planes[k], carry = plane ^ carry, plane & carry
        if not carry.any():
            return
    planes.append(carry)


def _sizes(planes: Sequence[Bits], users: Bits) -> Iterator[int]:
    """How many of the users have each count, ascending. `planes` has the highest plane first."""
    if not planes:
        yield int(np.bitwise_count(users).sum())
        return
    highest, *lower = planes
    yield from _sizes(lower, users & ~highest)
    yield from _sizes(lower, users & highest)


def _words(packed: bytes) -> Bits:
    """The bytes as words of a whole segment; a shorter bitmap is padded with zeros."""
    padded = np.zeros(WORDS * 8, np.uint8)
    padded[: len(packed)] = np.frombuffer(packed, np.uint8)
    return padded.view(np.uint64)


def active_users(site: Site, asked: Question, days: Sequence[Period]) -> list[Active]:
    """DAU, WAU and MAU of successive days.

    Raises:
        InvalidInput: there are too many days, or one of the 29 days before the first has expired.
    """
    if len(days) > MOST_DAYS:
        raise InvalidInput(f"days is {len(days)}; at most {MOST_DAYS}", field="days")
    all_days = [*_days_before(site, days[0], MONTH - 1), *days]
    refuse_past(asked, all_days[0], "the first of 30 days")
    bitmaps = [Bitmap(asked.event.name, day.name) for day in all_days]
    ends = range(MONTH, len(bitmaps) + 1)
    spans = [_active_in(site, asked, all_days[end - span : end]) for span in (WEEK, MONTH) for end in ends]
    counts = algebra.counts(site.store, [*bitmaps, *spans])
    daily, weekly, monthly = counts[: len(bitmaps)], counts[len(bitmaps) :], counts[-len(days) :]
    return [
        Active(day, daily[end - 1], weekly[place], monthly[place], sum(daily[end - MONTH : end]))
        for place, (day, end) in enumerate(zip(days, ends, strict=True))
    ]


def _active_in(site: Site, asked: Question, days: Sequence[Period]) -> Set:
    """The users of successive days, those of imported weeks among them."""
    imports = asked.event.imports(site.calendar, asked.now)
    imported = imports.within(bounds(days[0])[0], bounds(days[-1])[1], days)
    return union([Bitmap(asked.event.name, period.name) for period in (*days, *imported)])


def _days_before(site: Site, day: Period, number: int) -> list[Period]:
    days: list[Period] = []
    for _ in range(number):
        days.append(site.calendar.before(days[-1] if days else day))
    return days[::-1]
