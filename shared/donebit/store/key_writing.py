"""Writes keys as they were read, into a store that nobody uses yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_values import NEVER, KeyHead, as_bytes, write_command

BYTES_A_TRIP, COMMANDS_A_TRIP = 4 * 1024 * 1024, 1000


class KeyWriter:
    """Writes keys one after the other, many in a round trip.

    Killed at any point, the same keys can be written again: each is dropped first.
    Every method raises StoreUnavailable when the server cannot be reached, or takes no writes.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._prefix = keys.prefix
        self._waiting: list[tuple[Any, ...]] = []
        self._bytes = 0
        self._written = 0  # of the present string

    def begin(self, head: KeyHead) -> None:
        """Drop a key, before its values are written."""
        self._written = 0
        self._add(("UNLINK", self._key(head.name)), 0)

    def write(self, head: KeyHead, values: Sequence[bytes]) -> None:
        """Add values to a key, as they were read; those of a string are its next bytes."""
        if head.kind != "string":
            for part in (
                [values[n : n + 1] for n in range(len(values))] if head.kind == "stream" else [values]
            ):
                if part:
                    self._add(write_command(head.kind, self._key(head.name), part), sum(map(len, part)))
            return
        for chunk in values:
            self._add(("SETRANGE", self._key(head.name), self._written, chunk), len(chunk))
            self._written += len(chunk)

    def end(self, head: KeyHead) -> None:
        """Let a key expire when it would have."""
        if head.expires_ms != NEVER:
            self._add(("PEXPIREAT", self._key(head.name), head.expires_ms), 0)

    @outages_named
    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        with self._client.pipeline(transaction=False) as pipe:
            for command in waiting:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # the library leaves it untyped
            pipe.execute()

    def _add(self, command: tuple[Any, ...], size: int) -> None:
        self._waiting.append(command)
        self._bytes += size
        if self._bytes >= BYTES_A_TRIP or len(self._waiting) >= COMMANDS_A_TRIP:
            self.flush()

    def _key(self, name: str) -> bytes:
        return as_bytes(self._prefix + name)
