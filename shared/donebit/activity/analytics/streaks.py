"""The lengths of all users' streaks, computed from the bitmaps of successive periods."""

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

# An eighth of a segment at a time: 1100 periods of it are 18 MB, and the working arrays fit a cache.
SLICE_BYTES = FULL_BYTES // 8

MOST_IN_A_BYTE = 255

Rows = npt.NDArray[np.uint8]  # (periods, bytes): eight users a byte
Lengths = npt.NDArray[np.uint16]  # one for each user
Counts = npt.NDArray[np.int64]  # [n]: how many users


@dataclass(frozen=True, slots=True)
class StreakDistribution:
    """How many users have a longest and a current streak of each length.

    Both arrays have an element for each length from 0 to the number of periods. Each user seen in the span is
    counted once in each, so `longest[0]` is 0, and `current[0]` counts users without a current streak.
    """

    longest: Counts
    current: Counts

    @property
    def users(self) -> int:
        """How many users were seen in the span."""
        return int(self.longest.sum())


def distribution(site: Site, event: Event, span: PeriodRange) -> StreakDistribution:
    """The distribution of streak lengths of all users seen in the span.

    Raises:
        InvalidInput: more than 40,000 bitmaps would be read.
    """
    size = len(span.periods) + 1
    longest, current = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for rows in user_slices(site, event, span):
        of_longest, of_current = lengths(rows, running=span.running)
        longest += np.bincount(of_longest, minlength=size)
        current += np.bincount(of_current, minlength=size)
    longest[0] = 0  # these bits belong to no user
    current[0] = longest.sum() - current[1:].sum()
    return StreakDistribution(longest, current)


def user_slices(site: Site, event: Event, span: PeriodRange) -> Iterator[Rows]:
    """All users seen in the span, a slice of them at a time; each slice has a row for each period."""
    bitmaps = [Bitmap(event.name, period.name) for period in span.periods]
    segments = algebra.segments_of(site.store, bitmaps)
    refuse_many(event, sum(map(len, segments.values())))
    for segment in sorted(frozenset().union(*segments.values())):
        places = [place for place, bitmap in enumerate(bitmaps) if segment in segments[bitmap]]
        for start in range(0, FULL_BYTES, SLICE_BYTES):
            packed_rows = site.store.bitmaps.read_slices(
                [bitmaps[place] for place in places], segment, start, SLICE_BYTES
            )
            rows = np.zeros((len(bitmaps), SLICE_BYTES), np.uint8)
            for place, row in zip(places, packed_rows, strict=True):
                rows[place, : len(row)] = row
            yield without_empty_bytes(rows)


def refuse_many(event: Event, bitmaps: int) -> None:
    """Raise InvalidInput if that many bitmaps are too many to read."""
    if bitmaps > MOST_BITMAPS:
        raise InvalidInput(
            f"the streaks of {event.name} would be read from {bitmaps} bitmaps of {FULL_BYTES} bytes; at "
            f"most {MOST_BITMAPS}: use fewer periods, or weeks or months",
            field="from",
        )


def without_empty_bytes(rows: Rows) -> Rows:
    """The columns in which any row has a bit; with sparse ids these are few."""
    used = rows.any(axis=0)
    return rows if used.all() else rows[:, used]


def lengths(rows: Rows, *, running: bool) -> tuple[Lengths, Lengths]:
    """The longest and the current streak of each user.

    Args:
        running: whether the last period has not ended; a user not seen in it yet keeps the current streak.
    """
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
    """The longest and current streaks after further periods, at most 255, so that a byte can count them.

    Counting in 16 bits throughout would take nearly three times as long.
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
    """In how many of these periods each user was seen before the first gap."""
    lengths = np.zeros(rows.shape[1] * 8, np.uint8)
    active = np.full(rows.shape[1], 0xFF, np.uint8)
    for row in rows:
        active &= row
        if not active.any():
            break
        lengths += np.unpackbits(active)
    return lengths
