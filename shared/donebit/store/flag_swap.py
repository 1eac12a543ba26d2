"""A flag's bitmaps, exchanged for others: a new generation is laid, then readers are led to it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import ResponseError

from donebit import clock
from donebit.store.bitmaps import Bitmap, to_last_user
from donebit.store.client import outages_named
from donebit.store.flags import READ_WITHIN_SECONDS, REPLACED, UNFINISHED, FlagRecord, FlagStore
from donebit.store.key_names import Keys

STAGED_SECONDS = 60  # what a crash leaves is gone then
GENERATION_DIGITS = 12
FORGOTTEN_AFTER_MS = 600_000  # an exchange that has not ended by then never will


@dataclass(frozen=True, slots=True)
class Staging:
    """How what becomes a flag's is laid under a token, to be exchanged."""

    token: str
    stage: Callable[[], Mapping[int, int]]  # lays it; how many users each segment then has
    check: Callable[[int], None]  # raises for so many segments, or where the flag has become another
    reads_itself: bool  # whether it is computed from the flag


@dataclass(frozen=True, slots=True)
class FlagAsRead:
    """A flag before its exchange."""

    record: FlagRecord
    registry: bytes


class FlagSwapStore:
    """What was staged becomes a flag's, all of it or nothing.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys
        self._flags = FlagStore(client, scripts, keys)

    @outages_named
    def swap_flag(self, flag: str, kind: str, staging: Staging) -> bool:
        """Let a flag be what is staged.

        One script leads readers to it: a server that is lost finds all of the old or all of the new again.
        False, and nothing is changed, when the flag was dropped or begun again, got another segment, or, if
        what is staged was read from it, another user meanwhile; if anybody was erased; or if a part of what
        was staged has expired.
        """
        users: dict[int, int] = {}
        new, exchanged = Bitmap(flag, None, staging.token[:GENERATION_DIGITS]), False
        # Before anything is read: whoever erases a user notes it in every flag of the list, which a flag that
        # is announced does not leave.
        announced = announcement_of(())
        self._client.hset(self._keys.flag_meta(flag), UNFINISHED + new.generation, announced)
        self._flags.enter_ahead(flag, kind)
        before = self._read(flag)
        try:
            users.update(staging.stage())
            held = [number for number, count in users.items() if count]
            staging.check(len(held))
            exchanged = (
                self._announce_again(new, announced, held)
                and self._name(new, held, staging.token)
                and self.exchange_flag(before, new, kind, held, reads_itself=staging.reads_itself)
            )
        finally:
            self._drop(users, staging.token)
            self._tidy(new, kind, exchanged=exchanged)
        return exchanged

    @outages_named
    def lay(self, token: str, number: int, packed: bytes) -> int:
        """Lay the bytes of one segment, to be exchanged; how many users they have. Gone in a minute."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.set(self._keys.flag_staged(number, token), to_last_user(packed), ex=STAGED_SECONDS)
            pipe.bitcount(self._keys.flag_staged(number, token))
            return int(pipe.execute()[1])

    def _read(self, flag: str) -> FlagAsRead:
        record = self._flags.about(flag)
        registry = self._client.get(self._keys.flag_segments(flag, record.generation))
        return FlagAsRead(record, cast(bytes | None, registry) or b"")

    def _announce_again(self, new: Bitmap, announced: bytes, held: Sequence[int]) -> bool:
        """Write down which bitmaps are being made: should this process die, another exchange drops them.

        False if the flag was dropped since it was announced, and the announcement with it: it may have left
        the list.
        """
        args: list[str | bytes] = [UNFINISHED + new.generation, announced, announcement_of(held)]
        return bool(self._scripts["replace_entry"](keys=[self._keys.flag_meta(new.name)], args=args))

    def _name(self, new: Bitmap, held: Sequence[int], token: str) -> bool:
        """Give what is staged the names of a generation; False if a part of it has expired."""
        with self._client.pipeline(transaction=False) as pipe:
            for number in held:
                pipe.rename(self._keys.flag_staged(number, token), new.segment(self._keys, number))
                pipe.persist(new.segment(self._keys, number))
            answers = pipe.execute(raise_on_error=False)
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        for error in errors:
            if not (isinstance(error, ResponseError) and "no such key" in str(error)):
                raise error
        return not errors

    def exchange_flag(
        self, before: FlagAsRead, new: Bitmap, kind: str, held: Sequence[int], *, reads_itself: bool
    ) -> bool:
        record, flag = before.record, new.name
        names = [self._keys.flag_meta(flag), self._keys.flag_segments(flag, record.generation)]
        args: list[Any] = [record.generation, before.registry, record.erasures]
        args += [record.changes if reads_itself else "-", new.generation]
        args += [registry_of(held), kind, READ_WITHIN_SECONDS, clock.now_ms()]
        script = self._scripts["exchange_flag"]
        return bool(script(keys=[*names, new.registry(self._keys)], args=args))

    def _tidy(self, new: Bitmap, kind: str, *, exchanged: bool) -> None:
        """Let go what was replaced, and what this exchange, or one whose process died, has not finished."""
        record, forgotten_ms = self._flags.about(new.name), clock.now_ms() - FORGOTTEN_AFTER_MS
        for one in record.unfinished:
            if one.name == new.generation or one.since_ms < forgotten_ms:
                self._client.hdel(self._keys.flag_meta(new.name), UNFINISHED + one.name)
                self._flags.drop_segments(Bitmap(new.name, None, one.name), one.segments)
        for one in record.replaced:
            self._flags.retire_segments(Bitmap(new.name, None, one.name), one.segments)
            if one.since_ms < forgotten_ms:
                self._client.hdel(self._keys.flag_meta(new.name), REPLACED + one.name)
        if exchanged:
            self._flags.enter(new.name, kind)
        elif record.kind is None:
            self._flags.leave(new.name)

    def _drop(self, segments: Iterable[int], token: str) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for number in segments:
                pipe.unlink(self._keys.flag_staged(number, token))
            pipe.execute()


def announcement_of(segments: Sequence[int]) -> bytes:
    """That these segments are being made now."""
    return b"%d %b" % (clock.now_ms(), registry_of(segments))


def registry_of(segments: Sequence[int]) -> bytes:
    """The bytes of a registry that names these segments; none for no segment."""
    flags = np.zeros(max(segments, default=-1) + 1, np.uint8)
    flags[list(segments)] = 1
    return np.packbits(flags).tobytes()
