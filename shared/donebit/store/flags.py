"""Flags in Redis: bitmaps that no period ends, set and cleared, and the list of all of them.

A flag that is replaced as a whole gets a new generation of bitmaps, to which readers are led all at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import OpenResult
from donebit.store.bitmaps import Bitmap, segments_in, to_last_user
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.listed_names import ListedNames

KEYS_A_PIPELINE = 1000
ATTEMPTS = 5
READ_WITHIN_SECONDS = 60  # a generation that is replaced stays for those who read it
# Before its name, as fields of what is known about a flag: since when (ms), and the registry.
REPLACED, UNFINISHED = "old:", "new:"


class Marks(NamedTuple):
    """Users of one segment: bits within it, half-open ranges of them, or the bytes of one bitmap."""

    segment: int
    bits: Sequence[int] = ()
    ranges: Sequence[tuple[int, int]] = ()
    packed: bytes = b""


class Generation(NamedTuple):
    """A generation of bitmaps beside the present one."""

    name: str
    since_ms: int
    segments: list[int]


class FlagRecord(NamedTuple):
    """What is known about a flag.

    Attributes:
        kind: of its users; None for one never set
        generation: whose bitmaps hold them; empty until the flag is replaced as a whole
        erasures, changes: how often somebody was erased, and how often it was marked since it began
        replaced: generations that are to go, once those who read them have read them
        unfinished: generations that readers are not led to yet, or never will be
    """

    kind: str | None
    generation: str
    erasures: int
    changes: int
    replaced: list[Generation]
    unfinished: list[Generation]

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes]) -> FlagRecord:
        kind = fields.get(b"kind")
        return cls(
            None if kind is None else kind.decode(),
            fields.get(b"generation", b"").decode(),
            int(fields.get(b"erasures", 0)),
            int(fields.get(b"changes", 0)),
            list(_generations_in(fields, REPLACED)),
            list(_generations_in(fields, UNFINISHED)),
        )

    def bitmaps(self, flag: str) -> list[Bitmap]:
        """Every bitmap in which somebody may have the flag."""
        others = (one.name for one in (*self.replaced, *self.unfinished))
        return [Bitmap(flag, None, name) for name in (self.generation, *others)]


def _generations_in(fields: Mapping[bytes, bytes], prefix: str) -> Iterator[Generation]:
    for field, value in fields.items():
        if field.startswith(prefix.encode()):
            since_ms, _, registry = value.partition(b" ")
            yield Generation(field.decode().removeprefix(prefix), int(since_ms), segments_in(registry))


class FlagStore:
    """The bitmaps of flags. They are read as all bitmaps are, by BitmapStore.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts
        self._names = ListedNames(client, scripts, keys.FLAGS)

    def about(self, flag: str) -> FlagRecord:
        """What is known about a flag."""
        return self.about_each([flag])[0]

    @outages_named
    def about_each(self, flags: Sequence[str]) -> list[FlagRecord]:
        """What is known about each of many flags, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for flag in flags:
                pipe.hgetall(self._keys.flag_meta(flag))
            return [FlagRecord.of(fields) for fields in pipe.execute()]

    @outages_named
    def flags(self) -> dict[str, str]:
        """Every flag there is, and the kind of users it holds."""
        return self._names.kinds()

    @outages_named
    def open_flag(self, flag: Bitmap, kind: str, segments: Sequence[int], limit: int) -> OpenResult:
        """Enter segments into the flag's registry, if it holds this kind of users and is narrow enough."""
        names = [self._keys.flag_meta(flag.name), flag.registry(self._keys)]
        args: list[str | int] = [kind, limit, flag.generation, *segments]
        return OpenResult.of(*cast(list[Any], self._scripts["open_flag"](keys=names, args=args)))

    @outages_named
    def mark_flag(self, flag: Bitmap, marks: Sequence[Marks], value: int) -> list[int]:
        """Set (1) or clear (0) the flag for users; how many changed, per segment."""
        with self._client.pipeline(transaction=False) as pipe:
            for one in marks:
                scratch = self._keys.flag_scratch(one.segment, uuid.uuid4().hex)
                names = [flag.segment(self._keys, one.segment), scratch]
                ends = [end for part in one.ranges for end in part]
                packed = to_last_user(one.packed)
                args: list[int | bytes] = [value, packed, len(one.ranges), *ends, *one.bits]
                self._scripts["mark_flag"](keys=names, args=args, client=pipe)
            return pipe.execute()

    @outages_named
    def is_listed(self, flag: str) -> bool:
        """Whether a flag is in the list of all flags, as one is whose deletion was interrupted."""
        return self._names.has(flag)

    @outages_named
    def enter(self, flag: str, kind: str) -> None:
        """Enter a flag into the list of all flags."""
        self._names.enter(flag, kind)

    @outages_named
    def enter_ahead(self, flag: str, kind: str) -> None:
        """Enter a flag that is being made into the list of all flags, unless it is there."""
        self._names.enter_ahead(flag, kind)

    @outages_named
    def look_at_flag(self, flag: Bitmap, *, changed: bool) -> list[int] | None:
        """The segments that the flag has in a generation that was just marked.

        Asked after the marks: a flag dropped or replaced in between has lost them. None when it is gone, or
        in another generation, or not in the list of flags: without these what was just written would never
        be counted, nor ever be dropped.

        Args:
            changed: whether the marks changed anything, which is noted
        """
        names = [self._keys.flag_meta(flag.name), flag.registry(self._keys)]
        with self._client.pipeline(transaction=False) as pipe:
            self._scripts["look_at_flag"](keys=names, args=[flag.generation, int(changed)], client=pipe)
            pipe.hexists(self._keys.FLAGS, flag.name)
            registry, listed = pipe.execute()
        return None if registry is None or not listed else segments_in(registry)

    @outages_named
    def drop_segments(self, flag: Bitmap, segments: Sequence[int]) -> None:
        for start in range(0, len(segments), KEYS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for number in segments[start : start + KEYS_A_PIPELINE]:
                    pipe.unlink(flag.segment(self._keys, number))
                pipe.execute()

    @outages_named
    def retire_segments(self, flag: Bitmap, segments: Sequence[int]) -> None:
        """Let the segments of a generation that is replaced go, once those who read it have read it."""
        for start in range(0, len(segments), KEYS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for number in segments[start : start + KEYS_A_PIPELINE]:
                    pipe.expire(flag.segment(self._keys, number), READ_WITHIN_SECONDS, nx=True)
                pipe.execute()

    @outages_named
    def note_erasure(self, flags: Sequence[str]) -> None:
        """Let a process that is about to exchange one of these see that what it read before is old."""
        with self._client.pipeline(transaction=False) as pipe:
            for flag in flags:
                self._scripts["note_erasure"](keys=[self._keys.flag_meta(flag)], args=[], client=pipe)
            pipe.execute()

    @outages_named
    def drop_flag(self, flag: str) -> None:
        """Drop what is known about a flag, its bitmaps, and its place in the list of flags.

        The bitmaps go first, so that a crash leaves the registry to try again with; then the registry, read
        as it is dropped; then the bitmaps it named at its end.
        """
        for _ in range(ATTEMPTS):
            record = self.about(flag)
            present = Bitmap(flag, None, record.generation)
            registry = cast(bytes | None, self._client.get(present.registry(self._keys)))
            self.drop_segments(present, segments_in(registry))
            for one in (*record.replaced, *record.unfinished):
                self.drop_segments(Bitmap(flag, None, one.name), one.segments)
            replaced = (self._keys.flag_segments(flag, one.name) for one in record.replaced)
            names = [self._keys.flag_meta(flag), present.registry(self._keys), *replaced]
            last = cast(bytes | None, self._scripts["drop_flag"](keys=names, args=[record.generation]))
            if last is not None:
                self.drop_segments(present, segments_in(last))
                break
        self.leave(flag)

    @outages_named
    def leave(self, flag: str) -> None:
        """Take a flag that is gone out of the list, unless it begins again meanwhile, or is being made."""

        def present_kind(listed: str) -> str:
            record = self.about(flag)
            return record.kind or (listed if record.unfinished else "")

        for _ in range(ATTEMPTS):
            if self._names.leave(flag, present_kind):
                return
