"""How many users two bitmaps of a segment have in common, kept for the next time that it is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from redis import Redis
from redis.commands.core import Script

from donebit.store.bitmaps import FULL_BYTES, Bitmap
from donebit.store.client import outages_named
from donebit.store.kept_windows import LIVES
from donebit.store.key_names import Keys
from donebit.store.packing import Command
from donebit.store.pipelining import answers_to

# Of results that a script combines, as long as whole segments: 0.5 ms of an idle core, in which the server
# serves nobody else.
BYTES_A_SCRIPT = 36 * FULL_BYTES
MOST_BITMAPS = 48  # of which counts are kept, in a segment and granularity: a script reads all that are
NOT_REACHED = -1  # in place of the count of a pair that was one too many for a script


class PairRow(NamedTuple):
    """Pairs of one bitmap with successive ones, by their places: from `start` on, before `stop`.

    Of unions the bitmap stands for all up to it, and the others come after it.
    """

    place: int
    start: int
    stop: int


class Pairs(NamedTuple):
    """Pairs of bitmaps of one event, of one segment.

    Attributes:
        bitmaps: in an order that only grows at its end
        under: the name that their counts are kept under
        unions: whether a row's bitmap stands for the union of all up to it
    """

    segment: int
    bitmaps: Sequence[Bitmap]
    rows: Sequence[PairRow]
    under: str
    unions: bool


class PairCounts(NamedTuple):
    """The users of each bitmap, and of each row those that its pairs have in common."""

    users: list[int]
    rows: list[list[int]]


class KeptPairStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def count_pairs(self, asked: Sequence[Pairs], kept_from: int) -> list[PairCounts]:
        """Count the pairs of each segment, and keep the counts.

        Where that takes several scripts the users are those of the last, so no pair has more than either.

        Args:
            kept_from: the users of all bitmaps of a segment, added up, with which its counts are kept.
        """
        counted = self._counted(asked, kept_from)
        while missing := [place for place, one in enumerate(counted) if _is_short(one)]:
            rest = [_rest(asked[place], counted[place]) for place in missing]
            for place, more in zip(missing, self._counted(rest, kept_from), strict=True):
                counted[place] = _completed(counted[place], more)
        return counted

    def _counted(self, asked: Sequence[Pairs], kept_from: int) -> list[PairCounts]:
        """As many pairs of each as one script may count, besides those that are kept."""
        script, generation = self._scripts["count_pairs"], uuid.uuid4().hex
        commands: list[Command] = [
            ("EVALSHA", script.sha, *self._arguments(one, kept_from, generation)) for one in asked
        ]
        answers = answers_to(self._client, commands, script)
        return [_read(answer, one) for answer, one in zip(answers, asked, strict=True)]

    def _arguments(self, one: Pairs, kept_from: int, generation: str) -> list[str | int]:
        names = [bitmap.segment(self._keys, one.segment) for bitmap in one.bitmaps]
        names += [self._keys.query_scratch(one.segment, generation, level) for level in range(2)]
        names.append(self._keys.kept_windows(one.segment, one.bitmaps[0].name))
        limits = (len(one.bitmaps), BYTES_A_SCRIPT, kept_from, LIVES, generation)
        kept = (one.under, MOST_BITMAPS, "unions" if one.unions else "pairs")
        places = [number for row in one.rows for number in (row.place + 1, row.start + 1, row.stop)]
        return [len(names), *names, *limits, *kept, *places]


def _read(answer: bytes, asked: Pairs) -> PairCounts:
    counts = map(int, answer.split())
    users = list(islice(counts, len(asked.bitmaps)))
    return PairCounts(users, [list(islice(counts, row.stop - row.start)) for row in asked.rows])


def _is_short(counted: PairCounts) -> bool:
    return any(NOT_REACHED in row for row in counted.rows)


def _short_rows(counted: PairCounts) -> Iterator[tuple[int, int]]:
    """Each row with pairs that were not reached, and the first of them."""
    for place, row in enumerate(counted.rows):
        if NOT_REACHED in row:
            yield place, row.index(NOT_REACHED)


def _rest(asked: Pairs, counted: PairCounts) -> Pairs:
    """The rows with pairs that were not reached, from the first of these on."""
    rows = [(asked.rows[place], first) for place, first in _short_rows(counted)]
    return asked._replace(rows=[row._replace(start=row.start + first) for row, first in rows])


def _completed(counted: PairCounts, rest: PairCounts) -> PairCounts:
    """With the counts of pairs that were not reached before."""
    for (place, first), row in zip(list(_short_rows(counted)), rest.rows, strict=True):
        counted.rows[place][first:] = row
    return PairCounts(rest.users, counted.rows)
