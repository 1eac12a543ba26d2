"""Counting the rows of a cohort matrix on the server, as many rows in one script as keep it short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from donebit.activity.analytics import paired_rows
from donebit.activity.analytics.cohort_row import CohortRow, RowCounts
from donebit.activity.sets.algebra import refuse_heavy, segments_of
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.matrices import CohortRows

# A full bitmap that is combined and counted costs the server about 9 us, one that is read with others 6. It
# serves no other client meanwhile: a script has this many, 0.4 ms on an idle core. Where it has to read again
# who was seen before, it has twice as many as that takes, or most of its time would go there.
BITMAPS_A_SCRIPT = 40
MOST_IN_A_SCRIPT = 56
MOST_BEFORE = 128  # read in the same script: 0.8 ms more
OF_A_COHORT = 3  # bitmaps that are read to find the first-time users of a row


class ColumnSlice(NamedTuple):
    """Some of the columns of a row; the first slice of a row also counts its cohort."""

    row: int
    first: int
    columns: tuple[Bitmap, ...]


def count_rows(store: Store, rows: Sequence[CohortRow]) -> list[RowCounts]:
    """Count each row's cohort and its columns.

    Args:
        rows: the `before` of each must contain the row above it and that row's own `before`, and besides
            these only `besides`.

    Raises:
        InvalidInput: too many bitmaps would be read, in all or to find the first-time users.
    """
    segments = segments_of(store, {bitmap for row in rows for bitmap in _bitmaps(row)})
    refuse_heavy(sum(len(segments[row.users]) * (len(row.columns) + 1) for row in rows), "rows")
    return paired_rows.count_rows(store, rows, segments) or _by_rows(store, rows, segments)


def _by_rows(
    store: Store, rows: Sequence[CohortRow], segments: Mapping[Bitmap, frozenset[int]]
) -> list[RowCounts]:
    parts = [
        (slices, segment, _compiled(rows, slices, segment, segments))
        for slices in _scripts(rows)
        for segment in sorted(frozenset().union(*(segments[rows[one.row].users] for one in slices)))
    ]
    sizes, seen = [0] * len(rows), [0] * len(rows)
    columns = [[0] * len(row.columns) for row in rows]
    answers = store.matrices.cohort_rows([script for _, _, script in parts])
    for (slices, _, _), answer in zip(parts, answers, strict=True):
        numbers = iter(answer)
        for one in slices:
            size, seen_before = next(numbers), next(numbers)
            if not one.first:
                sizes[one.row] += size
                seen[one.row] += seen_before
            for column in range(one.first, one.first + len(one.columns)):
                columns[one.row][column] += next(numbers)
    # Those of a later slice may have come since their row was counted.
    return [
        RowCounts(size, tuple(min(users, size) for users in row), before)
        for size, row, before in zip(sizes, columns, seen, strict=True)
    ]


def _bitmaps(row: CohortRow) -> Iterator[Bitmap]:
    yield row.users
    yield from row.columns
    yield from row.before or ()


def _scripts(rows: Sequence[CohortRow]) -> Iterator[list[ColumnSlice]]:
    """The slices that each script counts: those of neighbouring rows, as many as one script may read."""
    script: list[ColumnSlice] = []
    cost, most = 0, _most_in_a_script(rows)
    for one in _slices(rows):
        added = len(one.columns) + (1 if rows[one.row].before is None else OF_A_COHORT)
        if script and (cost + added > most or _needs_own_script(rows, one.row)):
            yield script
            script, cost = [], 0
        script.append(one)
        cost += added
    if script:
        yield script


def _most_in_a_script(rows: Sequence[CohortRow]) -> int:
    again = max((len(row.before or ()) for row in rows), default=0)
    return min(MOST_IN_A_SCRIPT, max(BITMAPS_A_SCRIPT, 2 * again))


def _needs_own_script(rows: Sequence[CohortRow], row: int) -> bool:
    """Whether users were seen before a row whom a script that counts the row above does not know."""
    return not set(rows[row].besides) <= set(rows[row - 1].besides)


def _slices(rows: Sequence[CohortRow]) -> Iterator[ColumnSlice]:
    """One slice for each row, or several if the row alone is too long for a script."""
    most = _most_in_a_script(rows) - OF_A_COHORT
    for place, row in enumerate(rows):
        for first in range(0, max(1, len(row.columns)), most):
            yield ColumnSlice(place, first, row.columns[first : first + most])


def _compiled(
    rows: Sequence[CohortRow],
    slices: Sequence[ColumnSlice],
    segment: int,
    segments: Mapping[Bitmap, frozenset[int]],
) -> CohortRows:
    """The script's arguments for one segment.

    Only the first row's `before` is passed; the script adds each row's users to it for the next row.
    """
    places: dict[Bitmap, int] = {}

    def place(bitmap: Bitmap) -> int:
        return places.setdefault(bitmap, len(places) + 1) if segment in segments[bitmap] else 0

    earlier = rows[slices[0].row].before
    before = None if earlier is None else tuple(filter(None, map(place, earlier)))
    if before and len(before) > MOST_BEFORE:
        raise _too_many_before(len(before))
    numbered = tuple((place(rows[one.row].users), tuple(map(place, one.columns))) for one in slices)
    return CohortRows(segment, tuple(places), before, numbered)


def _too_many_before(bitmaps: int) -> InvalidInput:
    return InvalidInput(
        f"first-time users would be found from {bitmaps} bitmaps; at most {MOST_BEFORE}: keep the "
        "event's weeks or months as long as its days, or use recurring cohorts",
        field="cohort",
    )
