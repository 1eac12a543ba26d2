"""Bitmaps over users in Redis, cut into segments, and the registries of which segments exist."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.commands.core import Script

from shared.store import keys
from shared.store.client import outages_named

# Bits a segment: 2^20 - 128, so that a full one (131,056 bytes) still fits an allocator class of 128 kB
# with the string's header. A power of two would waste 1.3 to 1.7 times its size.
SEGMENT_BITS = 1_048_448
SEGMENT_BYTES = SEGMENT_BITS // 8

KEYS_A_STRETCH = 64  # of 16 kB each: about half a millisecond in which nobody else is served
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


class Combination(NamedTuple):
    """What is reckoned of the bitmaps of one segment.

    `program` is in postfix: the place of a source in `sources`, or an operation and how many operands it
    takes off the stack: AND:3, OR:2, XOR:2, MINUS:2. `levels` is how many results between wait at most.
    """

    segment: int
    sources: tuple[Bitmap, ...]
    program: tuple[str, ...]
    levels: int


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
        return [segments_in(registry) for registry in found]

    @outages_named
    def present(self, bitmap: Bitmap, segment: int, bit: int) -> bool:
        return bool(self._client.getbit(bitmap.segment(segment), bit))

    @outages_named
    def timeline(self, bitmaps: Sequence[Bitmap], segment: int, bit: int) -> list[bool]:
        """Whether one bit is set, in each of many bitmaps of one segment."""
        names = [bitmap.segment(segment) for bitmap in bitmaps]
        return [found == ord("1") for found in self._scripts["timeline"](keys=names, args=[bit])]

    @outages_named
    def stretches(
        self, bitmaps: Sequence[Bitmap], segment: int, start: int, length: int
    ) -> list[npt.NDArray[np.uint8]]:
        """Bytes [start, start + length) of each bitmap's segment, fewer where it ends before."""
        names = [bitmap.segment(segment) for bitmap in bitmaps]
        args = [start, start + length - 1]
        with self._client.pipeline(transaction=False) as pipe:
            for first in range(0, len(names), KEYS_A_STRETCH):
                self._scripts["stretches"](keys=names[first : first + KEYS_A_STRETCH], args=args, client=pipe)
            return [np.frombuffer(found, np.uint8) for part in pipe.execute() for found in part]

    @outages_named
    def kind_of_flag(self, flag: str) -> str | None:
        """The kind of users a flag holds; None for one never set."""
        found = cast(bytes | None, self._client.hget(keys.flag_about(flag), "kind"))
        return None if found is None else found.decode()

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
                for one in combinations[start : start + CALLS_A_PIPELINE]:
                    self._combine(pipe, one, answer)
                answers += pipe.execute()
        return answers

    def _combine(self, pipe: Redis, one: Combination, answer: str) -> None:
        token = uuid.uuid4().hex
        names = [source.segment(one.segment) for source in one.sources]
        names += [keys.query_scratch(one.segment, token, level) for level in range(one.levels)]
        args: list[str | int] = [answer, len(one.sources), *one.program]
        self._scripts["combine"](keys=names, args=args, client=pipe)
