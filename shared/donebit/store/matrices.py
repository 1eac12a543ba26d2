"""Many counts at once of the bitmaps of a segment: sliding windows, and the rows of a retention matrix."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from redis import Redis
from redis.commands.core import Script

from donebit.store.bitmaps import Bitmap, Scratch, merging
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to


class Windows(NamedTuple):
    """Windows of `width` bitmaps that slide over some bitmaps of one segment; at most `width` of them.

    `merged` are what some of the bitmaps are the unions of. They are made before, by a script each, and may
    be among the bitmaps of the next windows of the segment too.
    """

    segment: int
    bitmaps: tuple[Bitmap | Scratch, ...]
    there: tuple[bool, ...]  # which of them the segment has
    width: int
    merged: tuple[tuple[Scratch, tuple[Bitmap, ...]], ...] = ()


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
        """How many users each window has, in few round trips; those of a segment follow each other."""
        script, combine = self._scripts["rolling_counts"], self._scripts["combine"]
        commands: list[Command] = []
        places: list[int] = []
        for segment, of_segment in groupby(windows, key=lambda one: one.segment):
            merged: list[str] = []
            for one in of_segment:
                for scratch, parts in one.merged:
                    merged.append(scratch.segment(self._keys, segment))
                    names = [*(part.segment(self._keys, segment) for part in parts), merged[-1]]
                    commands.append(merging(combine.sha, "OR", names))
                places.append(len(commands))
                commands.append(self._windows_call(script.sha, one))
            if merged:
                commands.append(("UNLINK", *merged))
        answers = answers_to(self._client, commands, script, combine)
        return [answers[place] for place in places]

    def _windows_call(self, digest: str, one: Windows) -> Command:
        token = uuid.uuid4().hex
        names = [bitmap.segment(self._keys, one.segment) for bitmap in one.bitmaps]
        levels = len(one.bitmaps) - one.width + 3  # one a window, and two
        names += [self._keys.query_scratch(one.segment, token, level) for level in range(levels)]
        there = "".join(str(int(is_there)) for is_there in one.there)
        return ("EVALSHA", digest, len(names), *names, one.width, there)

    @outages_named
    def cohort_rows(self, asked: Sequence[CohortRows]) -> list[list[int]]:
        """Of each, row for row in one list: its cohort, its other users, and the count of each column."""
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
