"""How many users pairs of an event's bitmaps have in common, for a matrix that is looked at again and again.

Nearly all periods of a matrix are over. So what two of them have in common is kept in each segment, as
windows of days are (`day_windows`), and only pairs of which one bitmap has changed are counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from donebit.store import Store, kept_windows
from donebit.store.bitmaps import Bitmap
from donebit.store.kept_pairs import PairRow, Pairs


class PairedRows(NamedTuple):
    """Pairs of an event's bitmaps.

    Attributes:
        bitmaps: in an order that only grows at its end, as time passes
        under: the name that their counts are kept under; of another question another
        unions: whether a row's bitmap stands for the union of all up to it; if its place is -1, for nobody
    """

    bitmaps: Sequence[Bitmap]
    rows: Sequence[PairRow]
    under: str
    unions: bool = False


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
    store: Store, asked: PairedRows, segments: Mapping[Bitmap, frozenset[int]]
) -> tuple[list[int], list[list[int]]]:
    """Count the users of each bitmap, and of each row those that its pairs have in common.

    Args:
        segments: that each bitmap has
    """
    users, common = [0] * len(asked.bitmaps), [[0] * (row.stop - row.start) for row in asked.rows]
    parts = list(_in_segments(asked, [segments[bitmap] for bitmap in asked.bitmaps]))
    counted = store.kept_pairs.count_pairs([one.asked for one in parts], kept_windows.KEPT_FROM)
    for one, counts in zip(parts, counted, strict=True):
        for place, count in zip(one.there, counts.users, strict=True):
            users[place] += count
        for number, own, row in zip(one.rows, one.asked.rows, counts.rows, strict=True):
            for place, count in zip(one.there[own.start : own.stop], row, strict=True):
                common[number][place - asked.rows[number].start] += count
    return users, common


def _in_segments(asked: PairedRows, held: Sequence[frozenset[int]]) -> Iterator[InSegment]:
    """Each segment that a bitmap has; those that it has follow each other as they do in all."""
    for number in sorted(frozenset().union(*held)):
        has = [number in segments for segments in held]
        before = list(accumulate(has, initial=0))  # how many of the bitmaps before each have it
        there = [place for place, it_has in enumerate(has) if it_has]
        rows = [
            (place, PairRow(before[row.place + 1] - 1, before[row.start], before[row.stop]))
            for place, row in enumerate(asked.rows)
            if (before[row.place + 1] if asked.unions else has[row.place])
        ]
        bitmaps = [asked.bitmaps[place] for place in there]
        pairs = Pairs(number, bitmaps, [row for _, row in rows], asked.under, asked.unions)
        yield InSegment(there, [place for place, _ in rows], pairs)
