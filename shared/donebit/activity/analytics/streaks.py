"""How long the streaks of all users are, from the bitmaps of the periods side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.events.event import Event
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import FULL_BYTES, Bitmap

# A year of a hundred million users: some ten seconds, 0.3 ms each.
MOST_BITMAPS = 40_000

# Of a segment at once, an eighth: 1100 periods of it are 18 MB, and what is reckoned with fits a cache.
STRETCH_BYTES = FULL_BYTES // 8

MOST_IN_A_BYTE = 255

Rows = npt.NDArray[np.uint8]  # (periods, bytes): eight users a byte
Lengths = npt.NDArray[np.uint16]  # one for each user
Counts = npt.NDArray[np.int64]  # [n]: how many users


@dataclass(frozen=True, slots=True)
class StreakDistribution:
    """How many users have a longest, and a current, streak of each length: [n] of length n, up to the span's.

    Everybody seen in the span is in each once, so `longest[0]` is 0, and `current[0]` are those whose streak
    is over.
    """

    longest: Counts
    current: Counts

    @property
    def users(self) -> int:
        return int(self.longest.sum())


def distribution(site: Site, event: Event, span: PeriodRange) -> StreakDistribution:
    """The streaks of everybody seen in the span.

    Raises:
        InvalidInput: that would read more than 40,000 bitmaps.
    """
    size = len(span.periods) + 1
    longest, current = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for rows in stretches(site, event, span):
        of_longest, of_current = lengths(rows, running=span.running)
        longest += np.bincount(of_longest, minlength=size)
        current += np.bincount(of_current, minlength=size)
    longest[0] = 0  # nobody: these bits were never set
    current[0] = longest.sum() - current[1:].sum()
    return StreakDistribution(longest, current)


def stretches(site: Site, event: Event, span: PeriodRange) -> Iterator[Rows]:
    """Everybody seen in the span, some at a time: a row for each period."""
    bitmaps = [Bitmap(event.name, period.name) for period in span.periods]
    found = algebra.segments_of(site.store, bitmaps)
    refuse_many(event, sum(map(len, found.values())))
    for segment in sorted(frozenset().union(*found.values())):
        places = [place for place, bitmap in enumerate(bitmaps) if segment in found[bitmap]]
        for start in range(0, FULL_BYTES, STRETCH_BYTES):
            there = site.store.bitmaps.read_slices(
                [bitmaps[place] for place in places], segment, start, STRETCH_BYTES
            )
            rows = np.zeros((len(bitmaps), STRETCH_BYTES), np.uint8)
            for place, row in zip(places, there, strict=True):
                rows[place, : len(row)] = row
            yield inhabited(rows)


def refuse_many(event: Event, bitmaps: int) -> None:
    if bitmaps > MOST_BITMAPS:
        raise InvalidInput(
            f"the streaks of {event.name} would be read from {bitmaps} bitmaps of {FULL_BYTES} bytes; at "
            f"most {MOST_BITMAPS}: ask about fewer periods, or by week or month",
            field="from",
        )


def inhabited(rows: Rows) -> Rows:
    """Only the bytes in which there is somebody: where ids are sparse that is little to reckon with."""
    somebody = rows.any(axis=0)
    return rows if somebody.all() else rows[:, somebody]


def lengths(rows: Rows, *, running: bool) -> tuple[Lengths, Lengths]:
    """The longest and the current streak of each user. A running period breaks none by being empty."""
    users = rows.shape[1] * 8
    longest = current = np.zeros(users, np.uint16)
    ended = rows[:-1] if running else rows
    for start in range(0, len(ended), MOST_IN_A_BYTE):
        longest, current = extended(longest, current, ended[start : start + MOST_IN_A_BYTE])
    if not running:
        return longest, current
    longest, reaching = extended(longest, current, rows[-1:])
    return longest, np.maximum(current, reaching)


def extended(longest: Lengths, current: Lengths, rows: Rows) -> tuple[Lengths, Lengths]:
    """The same after further periods, at most 255: so many in a row fit the byte that is counted in.

    Counted in 16 bits all along it would take nearly three times as long.
    """
    inside, reaching = np.zeros(len(longest), np.uint8), np.zeros(len(longest), np.uint8)
    for row in rows:
        reaching += 1
        reaching *= np.unpackbits(row)
        np.maximum(inside, reaching, out=inside)
    leading = unbroken(rows) if current.any() else np.zeros_like(inside)
    carried = current + leading
    longest = np.maximum(longest, np.maximum(carried, inside))
    return longest, np.where(leading == len(rows), carried, reaching)


def unbroken(rows: Rows) -> npt.NDArray[np.uint8]:
    """How many of these periods, from the first on, each user was here without a gap."""
    found = np.zeros(rows.shape[1] * 8, np.uint8)
    still = np.full(rows.shape[1], 0xFF, np.uint8)
    for row in rows:
        still &= row
        if not still.any():
            break
        found += np.unpackbits(still)
    return found
