"""How many users have streaks of which length, as bars."""

from __future__ import annotations

from typing import NamedTuple

from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.analytics.streaks import Counts, distribution
from donebit.activity.periods.calendar import Granularity
from donebit.activity.sets.algebra import segments_of
from donebit.errors import InvalidInput
from donebit.formatting import count_of
from donebit.store.bitmaps import Bitmap
from trigger_app.pages.distinct.choice import Chosen

DAYS = 90
MOST_BITMAPS = 1000  # some 0.3 s: a page that is looked at waits for no more
# Half open; what is longer is counted together.
LENGTHS = (*((days, days + 1) for days in range(1, 8)), (8, 15), (15, 31), (31, DAYS + 1))


class StreakBar(NamedTuple):
    """The users whose longest or current streak has this length, and each as a share of the longest bar."""

    length: str
    longest: int
    current: int
    longest_share: float
    current_share: float


class Streaks(NamedTuple):
    users: int  # seen in these days
    over: int  # of them, those without a current streak
    bars: list[StreakBar]


def streaks(chosen: Chosen) -> Streaks:
    """Compute the streaks of everyone seen in the last 90 days, or as many as are kept.

    Raises:
        InvalidInput: there are so many users that it would take too long.
    """
    span = PeriodRange(tuple(chosen.last(DAYS, Granularity.DAY)), running=True)
    refuse_many(chosen, span)
    found = distribution(chosen.site, chosen.event, span)
    counts = [(within(found.longest, *of), within(found.current, *of)) for of in LENGTHS]
    most = max(max(pair) for pair in counts) or 1
    bars = [
        StreakBar(words(*of), longest, current, longest / most, current / most)
        for of, (longest, current) in zip(LENGTHS, counts, strict=True)
    ]
    return Streaks(found.users, int(found.current[0]), bars)


def refuse_many(chosen: Chosen, span: PeriodRange) -> None:
    days = [Bitmap(chosen.event.name, day.name) for day in span.periods]
    bitmaps = sum(map(len, segments_of(chosen.site.store, days).values()))
    if bitmaps > MOST_BITMAPS:
        raise InvalidInput(
            f"these days are {bitmaps} bitmaps, and a page draws at most {MOST_BITMAPS}; "
            f"GET /events/{chosen.event.name}/streaks of distinct_app has no such limit"
        )


def within(counts: Counts, start: int, stop: int) -> int:
    return int(counts[start:stop].sum())


def words(start: int, stop: int) -> str:
    """1 day, 2 days, 8 to 14 days, 31+ days."""
    if stop == start + 1:
        return count_of(start, "day")
    return f"{start}+ days" if stop > DAYS else f"{start}\u2013{stop - 1} days"
