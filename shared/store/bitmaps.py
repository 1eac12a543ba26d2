"""Bitmaps over users in Redis, cut into segments, and the registries of which segments exist."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from shared.store import keys
from shared.store.client import answers_to, outages_named

# Bits a segment: 2^20 - 128, so that a full one (131,056 bytes) still fits an allocator class of 128 kB
# with the string's header. A power of two would waste 1.3 to 1.7 times its size.
SEGMENT_BITS = 1_048_448

BITMAPS_A_READ = 16  # whole segments of 128 kB in one answer: 0.5 ms of the server
CALLS_A_PIPELINE = 64  # segments: not one round trip each, nor all their answers in memory at once


class Bitmap(NamedTuple):
    """One bitmap over users: an event's in a period, or a flag's, which has none."""

    name: str
    period: str | None = None

    def segment(self, number: int) -> str:
        if self.period is None:
            return keys.flag_segment(number, self.name)
        return keys.segment(number, self.name, self.period)

    @property
    def registry(self) -> str:
        return keys.flag_segments(self.name) if self.period is None else keys.segments(self.name, self.period)


class Scratch(NamedTuple):
    """What a question has merged of bitmaps already, in a script before its own."""

    token: str
    level: int

    def segment(self, number: int) -> str:
        return keys.query_scratch(number, self.token, self.level)


class Combination(NamedTuple):
    """What is reckoned of the bitmaps of one segment.

    `program` is in postfix: the place of a source in `sources`, or an operation and how many operands it
    takes off the stack: AND:3, OR:2, XOR:2, MINUS:2. `levels` is how many results between wait at most.
    `merged` are unions that some sources are, each made by a script of its own before.
    """

    segment: int
    sources: tuple[Bitmap | Scratch, ...]
    program: tuple[str, ...]
    levels: int
    merged: tuple[tuple[Scratch, tuple[Bitmap, ...]], ...] = ()


class CohortRows(NamedTuple):
    """Rows of a retention matrix, of one segment. Bitmaps are told by their places in `sources`, from 1.

    `rows` has of each row its own bitmap and those of its columns, 0 for one that the segment has not.
    `before` are the bitmaps that tell who was there before the first row; None where nobody asks.
    """

    segment: int
    sources: tuple[Bitmap, ...]
    before: tuple[int, ...] | None
    rows: tuple[tuple[int, tuple[int, ...]], ...]


def segments_in(registry: bytes | None) -> list[int]:
    """The segments that a registry names, ascending; none for one that does not exist."""
    return [int(n) for n in np.flatnonzero(np.unpackbits(np.frombuffer(registry or b"", np.uint8)))]


def bits_of(packed: bytes) -> npt.NDArray[np.int64]:
    """The places of the bits that are set in a bitmap's bytes, ascending."""
    return np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8)))


class BitmapStore:
    """Bitmaps as questions read them; nothing of a question remains.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script]) -> None:
        self._client = client
        self._scripts = scripts

    @outages_named
    def segments(self, bitmaps: Sequence[Bitmap]) -> list[list[int]]:
        """The segments that each bitmap has, as its registry says; in one round trip."""
        if not bitmaps:
            return []
        found = cast(list[bytes | None], self._client.mget([bitmap.registry for bitmap in bitmaps]))
        made = {registry: segments_in(registry) for registry in set(found)}  # most are the same
        return [made[registry] for registry in found]

    @outages_named
    def present(self, bitmap: Bitmap, segment: int, bit: int) -> bool:
        return bool(self._client.getbit(bitmap.segment(segment), bit))

    def contents(self, segment: int, bitmaps: Sequence[Bitmap]) -> Iterator[bytes]:
        """The bytes of each bitmap's segment, in their order; a few at a time, for they are large."""
        for start in range(0, len(bitmaps), BITMAPS_A_READ):
            yield from self._contents(segment, bitmaps[start : start + BITMAPS_A_READ])

    @outages_named
    def _contents(self, segment: int, bitmaps: Sequence[Bitmap]) -> list[bytes]:
        found = self._client.mget([bitmap.segment(segment) for bitmap in bitmaps])
        return [packed or b"" for packed in cast(list[bytes | None], found)]

    def counts(self, combinations: Sequence[Combination]) -> list[int]:
        """How many bits are set in the result of each."""
        return cast(list[int], self.combine(combinations, "count"))

    def results(self, combinations: Sequence[Combination]) -> list[bytes]:
        """The result of each, as the bytes of a segment; trailing zero bytes may be missing."""
        return cast(list[bytes], self.combine(combinations, "bytes"))

    @outages_named
    def combine(self, combinations: Sequence[Combination], answer: str) -> list[Any]:
        """What comes out of each: its `count`, or its `bytes`."""
        answers: list[Any] = []
        for start in range(0, len(combinations), CALLS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                places = [
                    self._combine(pipe, one, answer) for one in combinations[start : start + CALLS_A_PIPELINE]
                ]
                said = pipe.execute()
                answers += [said[place] for place in places]
        return answers

    def _combine(self, pipe: Pipeline, one: Combination, answer: str) -> int:
        """Where among the pipeline's answers the one asked for is."""
        for scratch, parts in one.merged:
            self._merge(pipe, one.segment, scratch, parts)
        token = uuid.uuid4().hex
        names = [source.segment(one.segment) for source in one.sources]
        names += [keys.query_scratch(one.segment, token, level) for level in range(one.levels)]
        args: list[str | int] = [answer, len(one.sources), *one.program]
        self._scripts["combine"](keys=names, args=args, client=pipe)
        place = len(pipe) - 1
        if one.merged:
            pipe.unlink(*(scratch.segment(one.segment) for scratch, _ in one.merged))
        return place

    def _merge(self, pipe: Pipeline, segment: int, scratch: Scratch, parts: Sequence[Bitmap]) -> None:
        names = [*(part.segment(segment) for part in parts), scratch.segment(segment)]
        program = [str(place + 1) for place in range(len(parts))] + [f"OR:{len(parts)}"]
        self._scripts["combine"](keys=names, args=["kept", len(parts), *program], client=pipe)

    @outages_named
    def cohort_rows(self, asked: Sequence[CohortRows]) -> list[list[int]]:
        """Of each: row for row the size of its cohort and the count of each column, in one list."""
        answers: list[object] = []
        for start in range(0, len(asked), CALLS_A_PIPELINE):
            calls = list(map(_cohort_rows_call, asked[start : start + CALLS_A_PIPELINE]))
            answers += answers_to(self._client, self._scripts["cohort_rows"], calls)
        return cast(list[list[int]], answers)


def _cohort_rows_call(one: CohortRows) -> list[str | int]:
    token = uuid.uuid4().hex
    names = [source.segment(one.segment) for source in one.sources]
    names += [keys.query_scratch(one.segment, token, level) for level in range(3)]
    before = one.before or ()
    call = [len(names), *names, len(one.sources), "recurring" if one.before is None else "first"]
    call += [len(before), *before]
    for row, columns in one.rows:
        call += [row, len(columns), *columns]
    return call
