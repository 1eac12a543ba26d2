"""A row of a cohort matrix, and what it is counted to be."""

from __future__ import annotations

from typing import NamedTuple

from donebit.store.bitmaps import Bitmap


class CohortRow(NamedTuple):
    """A row's users, and the columns in which they are counted.

    The users in the bitmaps of `before` are not part of the row's cohort; None if all are. Those of them in
    `besides` are in none of the rows above.
    """

    users: Bitmap
    columns: tuple[Bitmap, ...]
    before: tuple[Bitmap, ...] | None = None
    besides: tuple[Bitmap, ...] = ()


class RowCounts(NamedTuple):
    """The number of users in a row's cohort, and how many of them are in each column.

    `seen` are the row's other users, who had been seen before it, as of the moment that `size` is.
    """

    size: int
    columns: tuple[int, ...]
    seen: int = 0
