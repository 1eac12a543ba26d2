"""Many counts at once of the bitmaps of a segment: sliding windows, and the rows of a retention matrix."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from redis import Redis
from redis.commands.core import Script

from donebit.store.bitmaps import Bitmap
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to


class Windows(NamedTuple):
    """Windows of `width` bitmaps that slide over some bitmaps of one segment; at most `width` of them."""

    segment: int
    bitmaps: tuple[Bitmap, ...]
    there: tuple[bool, ...]  # which of them the segment has
    width: int


class CohortRows(NamedTuple):
    """Rows of a retention matrix, of one segment. Bitmaps are numbered by their places in `sources`, from 1.

    `rows` has of each row its own bitmap and those of its columns, 0 for one that the segment has not.
    `before` are the bitmaps of the users seen before the first row; None where every user of a row counts.
    """

    segment: int
    sources: tuple[Bitmap, ...]
    before: tuple[int, ...] | None
    rows: tuple[tuple[int, tuple[int, ...]], ...]


class MatrixStore:
    """Questions of many counts, a script for many of them; nothing of a question remains.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def rolling_counts(self, windows: Sequence[Windows]) -> list[list[int]]:
        """How many users each window has, for each of the segments; in few round trips."""
        script, token = self._scripts["rolling_counts"], uuid.uuid4().hex
        commands: list[Command] = []
        for one in windows:
            names = [bitmap.segment(self._keys, one.segment) for bitmap in one.bitmaps]
            levels = len(one.bitmaps) - one.width + 3  # one a window, and two
            names += [self._keys.query_scratch(one.segment, token, level) for level in range(levels)]
            there = "".join(str(int(is_there)) for is_there in one.there)
            commands.append(("EVALSHA", script.sha, len(names), *names, one.width, there))
        return answers_to(self._client, commands, script)

    @outages_named
    def cohort_rows(self, asked: Sequence[CohortRows]) -> list[list[int]]:
        """Of each: row for row the size of its cohort and the count of each column, in one list."""
        script = self._scripts["cohort_rows"]
        return answers_to(
            self._client,
            [("EVALSHA", script.sha, *_cohort_rows_call(self._keys, one)) for one in asked],
            script,
        )


def _cohort_rows_call(keys: Keys, one: CohortRows) -> list[str | int]:
    token = uuid.uuid4().hex
    names = [source.segment(keys, one.segment) for source in one.sources]
    names += [keys.query_scratch(one.segment, token, level) for level in range(3)]
    before = one.before or ()
    call = [len(names), *names, len(one.sources), "recurring" if one.before is None else "first"]
    call += [len(before), *before]
    for row, columns in one.rows:
        call += [row, len(columns), *columns]
    return call
