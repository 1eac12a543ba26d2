"""A flag's bitmaps, exchanged for others atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from redis import Redis, WatchError
from redis.client import Pipeline

from donebit.store.bitmaps import segments_in
from donebit.store.client import outages_named
from donebit.store.key_names import Keys

STAGED_SECONDS = 60  # what a crash leaves is gone then


@dataclass(frozen=True, slots=True)
class Staging:
    """How what becomes a flag's is laid under a token, to be exchanged."""

    token: str
    stage: Callable[[], Mapping[int, int]]  # lays it; how many users each segment then has
    check: Callable[[int], None]  # raises for so many segments, or where the flag has become another
    reads_itself: bool  # whether it is computed from the flag


class FlagSwapStore:
    """What was staged becomes a flag's, all of it or nothing.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def swap_flag(self, flag: str, kind: str, staging: Staging) -> bool:
        """Let a flag be what is staged.

        One transaction: a server that is lost finds all of the old or all of the new again. False, and
        nothing is changed, when the flag was dropped or begun again, got another segment, or, if what is
        staged was read from it, another user meanwhile; if anybody was erased; or if a part of what was
        staged has expired.
        """
        users: dict[int, int] = {}
        with self._client.pipeline(transaction=True) as pipe:
            try:
                before = self._watched(pipe, flag, staging)
                users.update(staging.stage())
                held = [number for number, count in users.items() if count]
                staging.check(len(held))
                if not self._watch_staged(pipe, staging.token, held):
                    return False
                pipe.multi()
                self._exchange(pipe, flag, staging.token, before, held)
                pipe.hset(self._keys.flag_meta(flag), "kind", kind)
                pipe.hset(self._keys.FLAGS, flag, kind)
                pipe.execute()
            except WatchError:
                return False
            finally:
                self._drop(users, staging.token)
        return True

    @outages_named
    def lay(self, token: str, number: int, packed: bytes) -> int:
        """Lay the bytes of one segment, to be exchanged; how many users they have. Gone in a minute."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.set(self._keys.flag_staged(number, token), packed, ex=STAGED_SECONDS)
            pipe.bitcount(self._keys.flag_staged(number, token))
            return int(pipe.execute()[1])

    def _watched(self, pipe: Pipeline, flag: str, staging: Staging) -> list[int]:
        """The segments the flag has, which must not change from here on."""
        registry = self._keys.flag_segments(flag)
        pipe.watch(registry, self._keys.flag_meta(flag), self._keys.FLAG_ERASURES)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        before = segments_in(cast(bytes | None, pipe.get(registry)))
        if staging.reads_itself and before:
            pipe.watch(*(self._keys.flag_segment(number, flag) for number in before))  # type: ignore[no-untyped-call]  # the same
        return before

    def _watch_staged(self, pipe: Pipeline, token: str, held: Sequence[int]) -> bool:
        """Whether all that was staged is there; it is watched, so that it is there at the exchange too.

        A RENAME that fails does not stop the rest of its transaction: the flag would be half of each.
        """
        staged = [self._keys.flag_staged(number, token) for number in held]
        if staged:
            pipe.watch(*staged)  # type: ignore[no-untyped-call]  # the same
        return not staged or pipe.exists(*staged) == len(staged)

    def _exchange(
        self, pipe: Pipeline, flag: str, token: str, before: Sequence[int], held: Sequence[int]
    ) -> None:
        for number in held:
            pipe.rename(self._keys.flag_staged(number, token), self._keys.flag_segment(number, flag))
            pipe.persist(self._keys.flag_segment(number, flag))
        for number in set(before) - set(held):
            pipe.unlink(self._keys.flag_segment(number, flag))
        pipe.unlink(self._keys.flag_segments(flag))
        if held:
            pipe.set(self._keys.flag_segments(flag), registry_of(held))

    def _drop(self, segments: Iterable[int], token: str) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for number in segments:
                pipe.unlink(self._keys.flag_staged(number, token))
            pipe.execute()


def registry_of(segments: Sequence[int]) -> bytes:
    """The bytes of a registry that names these segments."""
    flags = np.zeros(max(segments) + 1, np.uint8)
    flags[list(segments)] = 1
    return np.packbits(flags).tobytes()
