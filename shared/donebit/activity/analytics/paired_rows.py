"""The rows of a cohort matrix as pairs of bitmaps, of which what both have in common is kept.

Of first-time cohorts a row's bitmap stands for all users who were seen until its end: those of them who are
in a column, less those in the column who had been seen before the row, are the row's users in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from donebit.activity.analytics.cohort_row import CohortRow, RowCounts
from donebit.activity.analytics.pairs import PairedRows, count_pairs
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.kept_pairs import MOST_BITMAPS, PairRow


def count_rows(
    store: Store, rows: Sequence[CohortRow], segments: Mapping[Bitmap, frozenset[int]]
) -> list[RowCounts] | None:
    """Count each row's cohort and its columns; None for rows that are not made of such pairs.

    They are where all bitmaps are of one event, and not too many; each row's columns are successive; and all
    who are not in a first-time cohort are in a row above, or known before the first.
    """
    if len({bitmap.name for bitmap in segments}) > 1:
        return None
    if rows[0].before is None:
        return _recurring(store, rows, segments)
    return _first_time(store, rows, rows[0].before, segments)


def _recurring(
    store: Store, rows: Sequence[CohortRow], segments: Mapping[Bitmap, frozenset[int]]
) -> list[RowCounts] | None:
    bitmaps = sorted(segments)
    places = _places(rows, bitmaps)
    if places is None:
        return None
    asked = PairedRows(bitmaps, places, f"pairs/{len(rows[0].users.period or '')}")
    users, common = count_pairs(store, asked, segments)
    return [RowCounts(users[row.place], tuple(counts)) for row, counts in zip(places, common, strict=True)]


def _first_time(
    store: Store,
    rows: Sequence[CohortRow],
    before: Sequence[Bitmap],
    segments: Mapping[Bitmap, frozenset[int]],
) -> list[RowCounts] | None:
    known, of_rows = sorted(set(before)), [row.users for row in rows]
    later = {column for row in rows for column in row.columns}.difference(of_rows)
    bitmaps = [*known, *of_rows, *sorted(later)]
    places = _places(rows, bitmaps)
    if places is None or not _is_chain(rows, places):
        return None
    stops = [max(row.stop, row.place + 1) for row in places]
    unions = [
        PairRow(place - 1, place, max(pair))
        for place, pair in enumerate(pairwise([0, *stops, 0]), len(known))
    ]
    users, common = count_pairs(
        store, PairedRows(bitmaps, unions, f"first/{of_rows[0].period}", unions=True), segments
    )
    return [_first(users[row.place], row, *seen) for row, seen in zip(places, pairwise(common), strict=True)]


def _is_chain(rows: Sequence[CohortRow], places: Sequence[PairRow]) -> bool:
    """Whether each row's columns begin with its own, and who was seen before it is known from those above."""
    return all(row.start == row.place or row.stop == 0 for row in places) and all(
        set(row.besides) <= set(above.besides) for above, row in pairwise(rows)
    )


def _first(users: int, row: PairRow, seen_before: Sequence[int], seen: Sequence[int]) -> RowCounts:
    """A row's first-time users. Visits between two scripts make none of the columns larger than the row.

    Args:
        seen_before: how many of those who had been seen before the row are in it, and in those after it
        seen: how many of those who had been seen until its end are in each bitmap after it
    """
    size = users - seen_before[0]
    after = [min(now - then, size) for now, then in zip(seen, seen_before[1:], strict=False)]
    return RowCounts(size, (size, *after)[: row.stop - row.start], seen_before[0])


def _places(rows: Sequence[CohortRow], bitmaps: Sequence[Bitmap]) -> list[PairRow] | None:
    """Each row by places; None for too many bitmaps, or columns that do not follow each other."""
    places = {bitmap: place for place, bitmap in enumerate(bitmaps)}
    if len(bitmaps) > MOST_BITMAPS:
        return None
    found = []
    for row in rows:
        start = places[row.columns[0]] if row.columns else 0
        stop = start + len(row.columns)
        if tuple(bitmaps[start:stop]) != row.columns:
            return None
        found.append(PairRow(places[row.users], start, stop))
    return found
