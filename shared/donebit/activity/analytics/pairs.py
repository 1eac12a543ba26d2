"""How many users pairs of an event's bitmaps have in common, for a matrix that is looked at again and again.

Nearly all periods of a matrix are over. So what two of them have in common is kept in each segment, as
windows of days are (`day_windows`), and only pairs of which one bitmap has changed are counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.kept_pairs import PairRow, Pairs

# Users of a segment's bitmaps, added up. With fewer, what is kept would not be small beside the bitmaps.
KEPT_FROM = 1_000_000


class InSegment(NamedTuple):
    """What is asked of a segment.

    Attributes:
        there: the places of the bitmaps that have it
        rows: the numbers of the rows whose bitmap has it
        asked: the same for the store, which knows only of these
    """

    there: Sequence[int]
    rows: Sequence[int]
    asked: Pairs


def count_pairs(
    store: Store,
    bitmaps: Sequence[Bitmap],
    rows: Sequence[PairRow],
    segments: Mapping[Bitmap, frozenset[int]],
) -> tuple[list[int], list[list[int]]]:
    """Count the users of each bitmap, and of each row those that its pairs have in common.

    Args:
        bitmaps: of one event and granularity, ascending
        segments: that each bitmap has
    """
    users, common = [0] * len(bitmaps), [[0] * (row.stop - row.start) for row in rows]
    asked = list(_in_segments(bitmaps, rows, [segments[bitmap] for bitmap in bitmaps]))
    counted = store.kept_pairs.count_pairs([one.asked for one in asked], KEPT_FROM)
    for one, counts in zip(asked, counted, strict=True):
        for place, count in zip(one.there, counts.users, strict=True):
            users[place] += count
        for number, own, row in zip(one.rows, one.asked.rows, counts.rows, strict=True):
            for place, count in zip(one.there[own.start : own.stop], row, strict=True):
                common[number][place - rows[number].start] += count
    return users, common


def _in_segments(
    bitmaps: Sequence[Bitmap], rows: Sequence[PairRow], held: Sequence[frozenset[int]]
) -> Iterator[InSegment]:
    """Each segment that a bitmap has; those that it has follow each other as they do in all."""
    for number in sorted(frozenset().union(*held)):
        has = [number in segments for segments in held]
        before = list(accumulate(has, initial=0))  # how many of the bitmaps before each have it
        there = [place for place, it_has in enumerate(has) if it_has]
        numbers = [place for place, row in enumerate(rows) if has[row.place]]
        own = [
            PairRow(before[row.place], before[row.start], before[row.stop])
            for row in (rows[place] for place in numbers)
        ]
        yield InSegment(there, numbers, Pairs(number, [bitmaps[place] for place in there], own))
