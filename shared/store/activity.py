"""Activity in Redis: bitmaps over users, cut into segments, and the registry of which segments exist."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from redis import Redis, WatchError
from redis.commands.core import Script

from shared.errors import ConfigurationError
from shared.store import keys
from shared.store.client import outages_named

# Bits a segment: 2^20 - 128, so that a full one (131,056 bytes) still fits an allocator class of 128 kB
# with the string's header. A power of two would waste 1.3 to 1.7 times its size.
SEGMENT_BITS = 1_048_448
LAYOUT = f"1 segment_bits={SEGMENT_BITS} zone=UTC"

TEXTS_A_CALL = 1000
KEYS_A_PIPELINE = 1000


class Life(NamedTuple):
    """A period's name in keys, and when it expires: seconds since the epoch, 0 for never."""

    period: str
    expires_s: int

    def lasts_beyond(self, now_s: int) -> bool:
        return self.expires_s == 0 or now_s < self.expires_s


class Batch(NamedTuple):
    """Users of one segment: the bits within it, or all of them as the bytes of one bitmap."""

    segment: int
    bits: Sequence[int] = ()
    packed: bytes | None = None


def segments_in(registry: bytes | None) -> list[int]:
    """The segments that a registry names, ascending; none for one that does not exist."""
    return [int(n) for n in np.flatnonzero(np.unpackbits(np.frombuffer(registry or b"", np.uint8)))]


class ActivityStore:
    """Everything activity keeps in Redis.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script]) -> None:
        self._client = client
        self._scripts = scripts
        self._layout_checked = False

    @outages_named
    def check_layout(self) -> None:
        """Write the layout at first use, and refuse to mix two.

        Raises:
            ConfigurationError: the bitmaps there were written with another layout.
        """
        if self._layout_checked:
            return
        found = self._client.set(keys.LAYOUT, LAYOUT, nx=True, get=True)
        if found is not None and cast(bytes, found).decode() != LAYOUT:
            raise ConfigurationError(
                f"this Redis holds activity in the layout {cast(bytes, found).decode()!r}, and this "
                f"version writes {LAYOUT!r}: use another database, or the version that wrote it"
            )
        self._layout_checked = True

    @outages_named
    def kind(self, event: str) -> str | None:
        """Which users the event holds; None for an event never seen."""
        found = cast(bytes | None, self._client.hget(keys.about(event), "kind"))
        return None if found is None else found.decode()

    @outages_named
    def open_event(
        self, event: str, kind: str, lives: Sequence[Life], segments: Iterable[int], limit: int
    ) -> tuple[str, Any]:
        """Enter segments into the registries; ("ok", ""), ("kind", held) or ("segments", how many)."""
        numbers = list(segments)
        registries = [keys.segments(event, life.period) for life in lives]
        names = [keys.about(event), keys.periods(event), *registries]
        args = [kind, limit, len(numbers), *numbers, *(item for life in lives for item in life)]
        status, *why = cast(list[Any], self._scripts["open_event"](keys=names, args=args))
        return status.decode(), why[0] if why else ""

    @outages_named
    def mark_users(
        self, event: str, lives: Sequence[Life], batches: Sequence[Batch]
    ) -> tuple[list[list[int]], list[int]]:
        """Set the bits; (fresh per batch and period, the segments that lost their registry meanwhile).

        The registries are looked at again behind the marks: an event forgotten in between has lost them,
        and without them what was just written would never be counted, nor ever be forgotten. Every period's:
        another visit may have begun the event anew, in other periods. One that is over by the server's
        clock is missing rightly.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for batch in batches:
                self._mark_batch(pipe, event, lives, batch)
            for life in lives:
                pipe.get(keys.segments(event, life.period))
            pipe.time()
            answers = pipe.execute()
        fresh, registries, (now_s, _) = answers[: len(batches)], answers[len(batches) : -1], answers[-1]
        found = zip(lives, map(segments_in, registries), strict=True)
        known = set.intersection(*(set(numbers) for life, numbers in found if life.lasts_beyond(now_s)))
        return fresh, [batch.segment for batch in batches if batch.segment not in known]

    def _mark_batch(self, pipe: Redis, event: str, lives: Sequence[Life], batch: Batch) -> None:
        names = [keys.segment(batch.segment, event, life.period) for life in lives]
        names.append(keys.scratch(batch.segment, uuid.uuid4().hex))
        bits = batch.bits if batch.packed is None else [batch.packed]
        args = [*(life.expires_s for life in lives), int(batch.packed is not None), *bits]
        self._scripts["mark_users"](keys=names, args=args, client=pipe)

    @outages_named
    def number_users(self, texts: Sequence[str]) -> list[int]:
        """The dense number of each text, new ones for those not seen before."""
        names = [keys.NUMBERS, keys.TEXTS, keys.NEXT_NUMBER]
        with self._client.pipeline(transaction=False) as pipe:
            for start in range(0, len(texts), TEXTS_A_CALL):
                part = texts[start : start + TEXTS_A_CALL]
                self._scripts["number_users"](keys=names, args=part, client=pipe)
            return [number for part in pipe.execute() for number in part]

    @outages_named
    def number_of(self, text: str) -> int | None:
        found = cast(bytes | None, self._client.hget(keys.NUMBERS, text))
        return None if found is None else int(found)

    @outages_named
    def segments(self, event: str, period: str) -> bytes:
        """The registry: a bitmap over segments, empty for a period nobody visited."""
        return cast(bytes | None, self._client.get(keys.segments(event, period))) or b""

    @outages_named
    def count(self, event: str, period: str, segments: Iterable[int]) -> int:
        """BITCOUNT, summed over the segments."""
        with self._client.pipeline(transaction=False) as pipe:
            for number in segments:
                pipe.bitcount(keys.segment(number, event, period))
            return sum(pipe.execute())

    @outages_named
    def present(self, event: str, period: str, segment: int, bit: int) -> bool:
        return bool(self._client.getbit(keys.segment(segment, event, period), bit))

    @outages_named
    def periods(self, event: str) -> list[str]:
        """Every period the event was ever seen in, those already expired included."""
        return [name.decode() for name in cast(list[bytes], self._client.zrange(keys.periods(event), 0, -1))]

    @outages_named
    def drop_segments(self, event: str, segments_by_period: Mapping[str, Sequence[int]]) -> None:
        names = [
            keys.segment(number, event, period)
            for period, numbers in segments_by_period.items()
            for number in numbers
        ]
        for start in range(0, len(names), KEYS_A_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for name in names[start : start + KEYS_A_PIPELINE]:
                    pipe.unlink(name)
                pipe.execute()

    @outages_named
    def drop_event(self, event: str, periods: Sequence[str]) -> bool:
        """Drop what is known about an event, and its bitmaps; False when it got another period meanwhile.

        The registries are read in the act that drops them: a visit may have entered a segment since they
        were last looked at, and without them its bits would stay, to be counted again one day.
        """
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(keys.periods(event))  # type: ignore[no-untyped-call]  # the library leaves it untyped
            known = {name.decode() for name in cast(list[bytes], pipe.zrange(keys.periods(event), 0, -1))}
            if not known <= set(periods):
                return False
            pipe.multi()
            registries = [keys.segments(event, period) for period in periods]
            for registry in registries:
                pipe.get(registry)
            pipe.unlink(keys.about(event), keys.periods(event), *registries)
            try:
                *last, _ = pipe.execute()
            except WatchError:
                return False
        self.drop_segments(event, dict(zip(periods, map(segments_in, last), strict=True)))
        return True
