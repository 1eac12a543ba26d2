"""Bitmaps over users in Redis, cut into segments, and the registries of which segments exist."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.commands.core import Script

from donebit import deadline
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.packing import Command, call_on
from donebit.store.pipelining import answers_in_turn, answers_to

# Bits a segment: 2^20 - 128, so that a full one (131,056 bytes) still fits an allocator class of 128 kB
# with the string's header. A power of two would waste 1.3 to 1.7 times its size.
SEGMENT_BITS = 1_048_448

FULL_BYTES = SEGMENT_BITS // 8
SMALL_BYTES = 4096 - 16

GROUPS_A_PIPELINE = 64  # of bitmaps that a user is cleared in
BITMAPS_A_READ = 16  # whole segments of 128 kB in one answer: 0.5 ms of the server


class Bitmap(NamedTuple):
    """One bitmap over users: an event's in a period, or a flag's in a generation, which has no period."""

    name: str
    period: str | None = None
    generation: str = ""

    def segment(self, keys: Keys, number: int) -> str:
        """The key of a segment."""
        if self.period is None:
            return keys.flag_segment(number, self.name, self.generation)
        return keys.segment(number, self.name, self.period)

    def counts(self, keys: Keys, number: int) -> list[str]:
        """The keys of counts that are dropped when bits of a segment are cleared; none for a flag."""
        return [] if self.period is None else keys.of_segment(number, self.name, self.period)[1:]

    def registry(self, keys: Keys) -> str:
        """The key of the registry of its segments."""
        if self.period is None:
            return keys.flag_segments(self.name, self.generation)
        return keys.segments(self.name, self.period)


class Scratch(NamedTuple):
    """What a question has merged of bitmaps already, in a script before its own."""

    token: str
    level: int

    def segment(self, keys: Keys, number: int) -> str:
        """The key of what is merged of a segment."""
        return keys.query_scratch(number, self.token, self.level)


class Combination(NamedTuple):
    """What is computed of the bitmaps of one segment.

    `program` is in postfix: the place of a source in `sources`, or an operation and how many operands it
    takes off the stack: AND:3, OR:2, XOR:2, MINUS:2. `levels` is how many results between wait at most.
    `merged` are what some sources are made of before, each by a script of its own, and its operation.
    `bits` are the first and the last that are counted, where not all of the segment is.
    """

    segment: int
    sources: tuple[Bitmap | Scratch, ...]
    program: tuple[str, ...]
    levels: int
    merged: tuple[tuple[Scratch, str, tuple[Bitmap, ...]], ...] = ()
    bits: tuple[int, int] | None = None


def room_for(size: int) -> int:
    """How long a string of a segment is made that must hold so many bytes: all that its allocation holds.

    jemalloc has four classes to each power of two; 16 bytes are the string's header and end. Left to grow
    by itself a string takes twice its length. `mark_users.lua` computes the same.
    """
    if size <= SMALL_BYTES:
        return size
    step = 1 << ((size + 15).bit_length() - 3)
    return -(-(size + 16) // step) * step - 16


def segments_in(registry: bytes | None) -> list[int]:
    """The segments that a registry names, ascending; none for one that does not exist."""
    return [int(n) for n in np.flatnonzero(np.unpackbits(np.frombuffer(registry or b"", np.uint8)))]


def to_last_user(packed: bytes) -> bytes:
    """The bytes of a segment up to those of its last user: a string is kept as long as it was sent."""
    return packed.rstrip(b"\0")


def bits_of(packed: bytes) -> npt.NDArray[np.int64]:
    """The places of the bits that are set in a bitmap's bytes, ascending."""
    return np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8)))


def merging(digest: str, operation: str, names: Sequence[str]) -> Command:
    """A call of `combine` that keeps what comes of some bitmaps, for scripts to come.

    Args:
        digest: of the script
        operation: AND, OR or XOR
        names: the keys of the bitmaps, and last the one in which the result is laid
    """
    parts = len(names) - 1
    program = [*map(str, range(1, parts + 1)), f"{operation}:{parts}"]
    return ("EVALSHA", digest, len(names), *names, "kept", parts, *program)


class BitmapStore:
    """Bitmaps as questions read them; nothing of a question remains.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def segments(self, bitmaps: Sequence[Bitmap]) -> list[list[int]]:
        """The segments that each bitmap has, as its registry says; in one round trip."""
        if not bitmaps:
            return []
        found = cast(
            list[bytes | None], self._client.mget([bitmap.registry(self._keys) for bitmap in bitmaps])
        )
        made = {registry: segments_in(registry) for registry in set(found)}  # most are the same
        return [made[registry] for registry in found]

    @outages_named
    def present_in_any(self, bitmaps: Sequence[Bitmap], segment: int, bit: int) -> bool:
        """Whether a bit is set in one of them, or more."""
        with self._client.pipeline(transaction=False) as pipe:
            for bitmap in bitmaps:
                pipe.getbit(bitmap.segment(self._keys, segment), bit)
            return any(pipe.execute())

    @outages_named
    def packed(self, bitmap: Bitmap, segments: Sequence[int]) -> list[bytes]:
        """The bytes of each segment as they are; empty for one that is gone."""
        with self._client.pipeline(transaction=False) as pipe:
            for number in segments:
                pipe.get(bitmap.segment(self._keys, number))
            return [found or b"" for found in pipe.execute()]

    @outages_named
    def memory(self, bitmap: Bitmap, segments: Sequence[int]) -> int:
        """Bytes that the bitmap and its registry take on the server, with all that goes with a key."""
        deadline.refuse_late()
        with self._client.pipeline(transaction=False) as pipe:
            for number in segments:
                pipe.memory_usage(bitmap.segment(self._keys, number))
            pipe.memory_usage(bitmap.registry(self._keys))
            return sum(found or 0 for found in pipe.execute())

    @outages_named
    def clear_user(self, segment: int, bit: int, groups: Sequence[Sequence[Bitmap]]) -> list[list[Bitmap]]:
        """Clear one bit in groups of bitmaps, each group atomically.

        Returns:
            of each group the bitmaps in which it was set
        """
        cleared: list[list[Bitmap]] = []
        for start in range(0, len(groups), GROUPS_A_PIPELINE):
            part = groups[start : start + GROUPS_A_PIPELINE]
            with self._client.pipeline(transaction=False) as pipe:
                for group in part:
                    names = [bitmap.segment(self._keys, segment) for bitmap in group]
                    counts = {name for bitmap in group for name in bitmap.counts(self._keys, segment)}
                    args = [bit, len(names)]
                    self._scripts["clear_user"](keys=[*names, *counts], args=args, client=pipe)
                for group, places in zip(part, pipe.execute(), strict=True):
                    cleared.append([group[place - 1] for place in places])
        return cleared

    @outages_named
    def timeline(self, event: str, periods: Iterable[str], segment: int, bit: int) -> list[bool]:
        """Whether one bit of a segment is set, in each of many periods of an event."""
        script, begin = self._scripts["timeline"], self._keys.segment(segment, event, "")
        (found,) = answers_to(self._client, [call_on(script.sha, begin, list(periods), bit)], script)
        return cast(list[bool], (np.frombuffer(found, np.uint8) == ord("1")).tolist())

    @outages_named
    def read_segments(
        self, segment: int, bitmaps: Sequence[Bitmap], into: Sequence[npt.NDArray[np.uint8]]
    ) -> None:
        """Lay the bytes of each bitmap's segment in an array as long as a segment, zeros after them.

        A command each, sent ahead of the answers, which are read one by one: parts of them by a script would
        be copied five times, and many answers at once would take fresh memory.
        """
        commands = (("GET", bitmap.segment(self._keys, segment)) for bitmap in bitmaps)
        for row, found in zip(into, answers_in_turn(self._client, commands), strict=True):
            packed = np.frombuffer(found or b"", np.uint8)
            row[: len(packed)] = packed
            row[len(packed) :] = 0

    def contents(self, segment: int, bitmaps: Sequence[Bitmap]) -> Iterator[bytes]:
        """The bytes of each bitmap's segment, in their order; a few at a time, for they are large."""
        for start in range(0, len(bitmaps), BITMAPS_A_READ):
            deadline.refuse_late()
            yield from self._contents(segment, bitmaps[start : start + BITMAPS_A_READ])

    @outages_named
    def _contents(self, segment: int, bitmaps: Sequence[Bitmap]) -> list[bytes]:
        found = self._client.mget([bitmap.segment(self._keys, segment) for bitmap in bitmaps])
        return [packed or b"" for packed in cast(list[bytes | None], found)]

    def counts(self, combinations: Sequence[Combination]) -> list[int]:
        """How many bits are set in the result of each."""
        return cast(list[int], self.combine(combinations, "count"))

    def results(self, combinations: Sequence[Combination]) -> list[bytes]:
        """The result of each, as the bytes of a segment; trailing zero bytes may be missing."""
        return cast(list[bytes], self.combine(combinations, "bytes"))

    @outages_named
    def stage(self, combinations: Sequence[Combination], token: str) -> list[int]:
        """Lay each result where it waits to become a flag's; how many bits are set in it."""
        commands: list[Command] = []
        places = []
        for one in combinations:
            commands += self._merges(one)
            places.append(len(commands))
            names = [*self._names(one, token), self._keys.flag_staged(one.segment, token)]
            commands.append(self._combine(names, "staged", len(one.sources), one.program))
            commands += self._unmerges(one)
        answers = answers_to(self._client, commands, self._scripts["combine"])
        return [answers[place] for place in places]

    @outages_named
    def combine(self, combinations: Sequence[Combination], answer: str) -> list[Any]:
        """What comes out of each: its `count`, or its `bytes`."""
        commands: list[Command] = []
        places, token = [], uuid.uuid4().hex
        for one in combinations:
            commands += self._merges(one)
            places.append(len(commands))
            commands.append(self._asked(one, answer, token))
            commands += self._unmerges(one)
        answers = answers_to(self._client, commands, self._scripts["combine"])
        return [answers[place] or b"" if answer == "bytes" else answers[place] for place in places]

    def _asked(self, one: Combination, answer: str, token: str) -> Command:
        if one.program == ("1",):
            name = one.sources[0].segment(self._keys, one.segment)
            if answer == "bytes":
                return ("GET", name)
            return ("BITCOUNT", name, *one.bits, "BIT") if one.bits else ("BITCOUNT", name)
        wanted = f"count:{one.bits[0]}:{one.bits[1]}" if one.bits and answer == "count" else answer
        return self._combine(self._names(one, token), wanted, len(one.sources), one.program)

    def _names(self, one: Combination, token: str) -> list[str]:
        """The sources, and where results between are laid."""
        levels = (self._keys.query_scratch(one.segment, token, level) for level in range(one.levels))
        return [*(source.segment(self._keys, one.segment) for source in one.sources), *levels]

    def _merges(self, one: Combination) -> Iterator[Command]:
        for scratch, operation, parts in one.merged:
            names = [
                *(part.segment(self._keys, one.segment) for part in parts),
                scratch.segment(self._keys, one.segment),
            ]
            yield merging(self._scripts["combine"].sha, operation, names)

    def _unmerges(self, one: Combination) -> Iterator[Command]:
        if one.merged:
            yield ("UNLINK", *(scratch.segment(self._keys, one.segment) for scratch, *_ in one.merged))

    def _combine(self, names: Sequence[str], answer: str, sources: int, program: Sequence[str]) -> Command:
        return ("EVALSHA", self._scripts["combine"].sha, len(names), *names, answer, sources, *program)
