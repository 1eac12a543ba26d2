"""Rows of cohorts, reckoned on the server: whole rows a script, as many as keep it short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from donebit.activity.sets.algebra import segments_of
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.matrices import CohortRows

# A full bitmap that is combined and counted costs the server about 9 us, one that is read with others 6:
# a script of this many takes 0.8 ms on an idle core, and nobody else is served meanwhile.
BITMAPS_A_SCRIPT = 96
MOST_BEFORE = 128  # read in the same script: 0.8 ms more
OF_A_COHORT = 3  # bitmaps that are read to know who of a row was not there before


class CohortRow(NamedTuple):
    """A row's users, and the columns they are looked for in.

    `before` tells who was there before the row: they are not of its cohort. None where all are.
    """

    users: Bitmap
    columns: tuple[Bitmap, ...]
    before: tuple[Bitmap, ...] | None = None


class RowCounts(NamedTuple):
    """How many users a row's cohort has, and how many of them each column has."""

    size: int
    columns: tuple[int, ...]


class ColumnSlice(NamedTuple):
    """Some of the columns of a row; the first slice of a row counts its cohort too."""

    row: int
    first: int
    columns: tuple[Bitmap, ...]


def counted(store: Store, rows: Sequence[CohortRow]) -> list[RowCounts]:
    """What the rows count, each of whose `before` must have the one above it and what that one had.

    Raises:
        InvalidInput: too many bitmaps tell who was there before.
    """
    found = segments_of(store, {bitmap for row in rows for bitmap in _bitmaps(row)})
    parts = [
        (slices, segment, _compiled(rows, slices, segment, found))
        for slices in _scripts(rows)
        for segment in sorted(frozenset().union(*(found[rows[one.row].users] for one in slices)))
    ]
    sizes = [0] * len(rows)
    columns = [[0] * len(row.columns) for row in rows]
    answers = store.matrices.cohort_rows([asked for _, _, asked in parts])
    for (slices, _, _), answer in zip(parts, answers, strict=True):
        numbers = iter(answer)
        for one in slices:
            size = next(numbers)
            sizes[one.row] += 0 if one.first else size
            for column in range(one.first, one.first + len(one.columns)):
                columns[one.row][column] += next(numbers)
    return [RowCounts(size, tuple(row)) for size, row in zip(sizes, columns, strict=True)]


def _bitmaps(row: CohortRow) -> Iterator[Bitmap]:
    yield row.users
    yield from row.columns
    yield from row.before or ()


def _scripts(rows: Sequence[CohortRow]) -> Iterator[list[ColumnSlice]]:
    """Slices by the script that counts them: those of neighbouring rows, as many as it may read."""
    taken: list[ColumnSlice] = []
    cost = 0
    for one in _slices(rows):
        added = len(one.columns) + (1 if rows[one.row].before is None else OF_A_COHORT)
        if taken and cost + added > BITMAPS_A_SCRIPT:
            yield taken
            taken, cost = [], 0
        taken.append(one)
        cost += added
    if taken:
        yield taken


def _slices(rows: Sequence[CohortRow]) -> Iterator[ColumnSlice]:
    """Each row whole, unless it alone is too much for a script."""
    most = BITMAPS_A_SCRIPT - OF_A_COHORT
    for place, row in enumerate(rows):
        for first in range(0, max(1, len(row.columns)), most):
            yield ColumnSlice(place, first, row.columns[first : first + most])


def _compiled(
    rows: Sequence[CohortRow],
    slices: Sequence[ColumnSlice],
    segment: int,
    found: Mapping[Bitmap, frozenset[int]],
) -> CohortRows:
    """What is asked of one segment; who was there before is told for the first row, and grows from there."""
    places: dict[Bitmap, int] = {}

    def place(bitmap: Bitmap) -> int:
        return places.setdefault(bitmap, len(places) + 1) if segment in found[bitmap] else 0

    earlier = rows[slices[0].row].before
    before = None if earlier is None else tuple(filter(None, map(place, earlier)))
    if before and len(before) > MOST_BEFORE:
        raise _too_many_before(len(before))
    asked = tuple((place(rows[one.row].users), tuple(map(place, one.columns))) for one in slices)
    return CohortRows(segment, tuple(places), before, asked)


def _too_many_before(bitmaps: int) -> InvalidInput:
    return InvalidInput(
        f"{bitmaps} bitmaps tell who was there before; at most {MOST_BEFORE}: keep the event's weeks or "
        "months as long as its days, or ask for recurring cohorts",
        field="cohort",
    )
