"""Flags in Redis: bitmaps that no period ends, set and cleared, and the list of all of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import OpenResult
from donebit.store.bitmaps import segments_in
from donebit.store.client import outages_named
from donebit.store.key_names import Keys

KEYS_A_PIPELINE = 1000


class Marks(NamedTuple):
    """Users of one segment: bits within it, half-open ranges of them, or the bytes of one bitmap."""

    segment: int
    bits: Sequence[int] = ()
    ranges: Sequence[tuple[int, int]] = ()
    packed: bytes = b""


class FlagStore:
    """The bitmaps of flags. They are read as all bitmaps are, by BitmapStore.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def about(self, flag: str) -> dict[str, str]:
        """What is known about a flag: its `kind`; nothing for one never set."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.flag_meta(flag)))
        return {name.decode(): value.decode() for name, value in found.items()}

    @outages_named
    def flags(self) -> dict[str, str]:
        """Every flag there is, and the kind of users it holds."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.FLAGS))
        return {name.decode(): kind.decode() for name, kind in found.items()}

    @outages_named
    def open_flag(self, flag: str, kind: str, segments: Sequence[int], limit: int) -> OpenResult:
        """Enter segments into the flag's registry, if it holds this kind of users and is narrow enough."""
        names = [self._keys.flag_meta(flag), self._keys.flag_segments(flag)]
        answer = self._scripts["open_flag"](keys=names, args=[kind, limit, *segments])
        return OpenResult.of(*cast(list[Any], answer))

    @outages_named
    def mark_flag(self, flag: str, marks: Sequence[Marks], value: int) -> list[int]:
        """Set (1) or clear (0) the flag for users; how many changed, per segment."""
        with self._client.pipeline(transaction=False) as pipe:
            for one in marks:
                names = [
                    self._keys.flag_segment(one.segment, flag),
                    self._keys.flag_scratch(one.segment, uuid.uuid4().hex),
                ]
                ends = [end for part in one.ranges for end in part]
                args: list[int | bytes] = [value, one.packed, len(one.ranges), *ends, *one.bits]
                self._scripts["mark_flag"](keys=names, args=args, client=pipe)
            return pipe.execute()

    @outages_named
    def enter(self, flag: str, kind: str) -> None:
        """Enter a flag into the list of all flags."""
        self._client.hset(self._keys.FLAGS, flag, kind)

    @outages_named
    def unregistered(self, flag: str, segments: Sequence[int]) -> list[int]:
        """Which of these segments the flag does not have; all of them, if it is not in the list of flags.

        Read again after the marks: a flag dropped in between has lost them, and without them what
        was just written would never be counted, nor ever be dropped.
        """
        with self._client.pipeline(transaction=False) as pipe:
            pipe.get(self._keys.flag_segments(flag))
            pipe.hexists(self._keys.FLAGS, flag)
            registry, listed = pipe.execute()
        known = set(segments_in(registry)) if listed else set()
        return [number for number in segments if number not in known]

    @outages_named
    def drop_segments(self, flag: str, segments: Sequence[int]) -> None:
        for start in range(0, len(segments), KEYS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for number in segments[start : start + KEYS_A_PIPELINE]:
                    pipe.unlink(self._keys.flag_segment(number, flag))
                pipe.execute()

    @outages_named
    def note_erasure(self) -> None:
        """Let a process that is about to exchange a flag see that what it read before is old."""
        self._client.incr(self._keys.FLAG_ERASURES)

    @outages_named
    def drop_flag(self, flag: str) -> None:
        """Drop what is known about a flag, its bitmaps, and its place in the list of flags.

        The bitmaps go first, so that a crash leaves the registry to try again with; then the registry, read
        in the transaction that drops it; then the bitmaps it named at its end. A process that begins the
        flag again meanwhile may have entered it into the list before it was taken out there: it is
        entered again.
        """
        registry = cast(bytes | None, self._client.get(self._keys.flag_segments(flag)))
        self.drop_segments(flag, segments_in(registry))
        with self._client.pipeline(transaction=True) as pipe:
            pipe.get(self._keys.flag_segments(flag))
            pipe.unlink(self._keys.flag_meta(flag), self._keys.flag_segments(flag))
            last, _ = pipe.execute()
        self.drop_segments(flag, segments_in(last))
        self._client.hdel(self._keys.FLAGS, flag)
        if kind := self.about(flag).get("kind"):
            self.enter(flag, kind)
