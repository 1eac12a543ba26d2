"""The lengths of all users' streaks, computed from the bitmaps of successive periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.events.event import Event
from donebit.activity.sets import algebra
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, Bitmap

# A year of a hundred million users: some ten seconds, 0.3 ms each.
MOST_BITMAPS = 40_000

Item = TypeVar("Item")

# Of a segment, 16 MB: the bitmaps of all 1100 periods would be 144 MB.
PERIODS_AT_ONCE = 128

# Eighths of a segment: the working arrays of one fit a cache.
SLICE_BYTES = FULL_BYTES // 8

SAMPLED = 16  # every so many rows are looked at first

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
    for parts in segment_parts(site, event, span):
        of_longest, of_current = lengths(parts, running=span.running)
        for start in range(0, SEGMENT_BITS, SLICE_BYTES * 8):
            longest += np.bincount(of_longest[start : start + SLICE_BYTES * 8], minlength=size)
            current += np.bincount(of_current[start : start + SLICE_BYTES * 8], minlength=size)
    longest[0] = 0  # these bits belong to no user
    current[0] = longest.sum() - current[1:].sum()
    return StreakDistribution(longest, current)


def segment_parts(site: Site, event: Event, span: PeriodRange) -> Iterator[Iterator[Rows]]:
    """The rows of each segment, one for each period, in parts as `lengths` takes them.

    A part is gone when the next one is asked for.
    """
    bitmaps = [Bitmap(event.name, period.name) for period in span.periods]
    segments = algebra.segments_of(site.store, bitmaps)
    refuse_many(event, sum(map(len, segments.values())))
    memory = np.zeros((min(PERIODS_AT_ONCE, len(bitmaps)), FULL_BYTES), np.uint8)
    for segment in sorted(frozenset().union(*segments.values())):
        yield (
            read_rows(site, segment, part, memory, [segment in segments[bitmap] for bitmap in part])
            for part in parts(bitmaps, running=span.running)
        )


def parts(items: Sequence[Item], *, running: bool) -> Iterator[Sequence[Item]]:
    """Some items of successive periods at a time; that of a running one, the last, alone."""
    ended = items[:-1] if running else items
    for start in range(0, len(ended), PERIODS_AT_ONCE):
        yield ended[start : start + PERIODS_AT_ONCE]
    if running:
        yield items[-1:]


def read_rows(
    site: Site, segment: int, bitmaps: Sequence[Bitmap], memory: Rows, there: Sequence[bool]
) -> Rows:
    """The rows of a segment in some bitmaps, laid in a memory; zeros where a bitmap has not the segment."""
    rows = memory[: len(bitmaps)]
    for row, is_there in zip(rows, there, strict=True):
        if not is_there:
            row.fill(0)
    places = [place for place, is_there in enumerate(there) if is_there]
    site.store.bitmaps.read_segments(
        segment, [bitmaps[place] for place in places], [rows[place] for place in places]
    )
    return rows


def refuse_many(event: Event, bitmaps: int) -> None:
    """Raise InvalidInput if that many bitmaps are too many to read."""
    if bitmaps > MOST_BITMAPS:
        raise InvalidInput(
            f"the streaks of {event.name} would be read from {bitmaps} bitmaps of {FULL_BYTES} bytes; at "
            f"most {MOST_BITMAPS}: use fewer periods, or weeks or months",
            field="from",
        )


def lengths(parts: Iterable[Rows], *, running: bool) -> tuple[Lengths, Lengths]:
    """The longest and the current streak of each user.

    Args:
        parts: rows in the order of their periods, at most 255 at a time; that of a running period alone.
        running: whether the last period has not ended; a user not seen in it yet keeps the current streak.
    """
    longest = current = before = np.zeros(0, np.uint16)
    for rows in parts:
        if not len(longest):
            longest, current, before = np.zeros((3, rows.shape[1] * 8), np.uint16)
        before[:] = current
        for start in range(0, rows.shape[1], SLICE_BYTES):
            users = slice(start * 8, (start + SLICE_BYTES) * 8)
            extend_where_seen(longest[users], current[users], rows[:, start : start + SLICE_BYTES])
    return longest, np.maximum(before, current, out=current) if running else current


def extend_where_seen(longest: Lengths, current: Lengths, rows: Rows) -> None:
    """As `extend`; only for bytes in which anybody was seen where these are few, as with sparse ids."""
    few = rows.shape[1] // 2
    places = bytes_seen(rows[::SAMPLED])  # where these alone are many, the others need not be looked at
    places = places if len(places) > few else bytes_seen(rows)
    if len(places) > few:
        extend(longest, current, rows)
        return
    before, reaching = (of_all.reshape(-1, 8)[places].ravel() for of_all in (longest, current))
    if len(places):
        extend(before, reaching, rows[:, places])
    current.fill(0)  # who was not seen has no streak any more
    for of_all, found in ((longest, before), (current, reaching)):
        of_all.reshape(-1, 8)[places] = found.reshape(-1, 8)


def bytes_seen(rows: Rows) -> npt.NDArray[np.intp]:
    """The places of the bytes in which anybody was seen."""
    return np.flatnonzero(np.bitwise_or.reduce(rows, axis=0))


def extend(longest: Lengths, current: Lengths, rows: Rows) -> None:
    """Bring the longest and current streaks up to date with further periods.

    These are at most 255, so that a byte can count them: in 16 bits throughout it would take nearly three
    times as long.
    """
    inside, reaching = np.zeros(len(longest), np.uint8), np.zeros(len(longest), np.uint8)
    for place, row in enumerate(rows, start=1):
        here = np.unpackbits(row)
        reaching += here
        # Before what a gap ends is cleared: the streak before this row, and one more where it goes on. So
        # every second row is enough.
        if place % 2 == 0 or place == len(rows):
            np.maximum(inside, reaching, out=inside)
        reaching *= here
    np.maximum(longest, inside, out=longest)
    if not current.any():
        current[:] = reaching
        return
    leading = unbroken(rows)
    current += leading
    np.maximum(longest, current, out=longest)
    np.copyto(current, reaching, where=leading < len(rows))


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
