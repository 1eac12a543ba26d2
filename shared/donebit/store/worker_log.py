"""The last lines of the workers' logs: a capped stream, which nobody must rely on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys

MOST_LINES = 10_000  # some more, for the server drops them by the hundred; 2 to 3 MB as they mostly are
LIFE = timedelta(days=1)  # after the last line
LINE = b"line"


class Entry(NamedTuple):
    """A line as it is kept: the id that the stream gave it, and what its writer wrote."""

    id: str
    text: bytes


class WorkerLogStore:
    """Reads the stream, which WorkerStore.keep writes.

    Every method raises StoreUnavailable when the server cannot be reached.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def newest(self, count: int, before: str | None = None) -> list[Entry]:
        """At most `count` lines, the newest first: of all, or of those before an id."""
        top = "+" if before is None else f"({before}"
        return _entries(self._client.xrevrange(self._keys.WORKER_LOG, max=top, min="-", count=count))

    @outages_named
    def after(self, line_id: str, count: int) -> list[Entry]:
        """At most `count` lines that came after an id, the oldest first."""
        return _entries(self._client.xrange(self._keys.WORKER_LOG, min=f"({line_id}", max="+", count=count))


def add_lines(pipe: Redis, keys: Keys, texts: Sequence[bytes]) -> None:
    """Have a pipeline add lines, in their order."""
    for text in texts:
        pipe.xadd(keys.WORKER_LOG, {LINE: text}, maxlen=MOST_LINES, approximate=True)
    if texts:
        pipe.expire(keys.WORKER_LOG, LIFE)


def _entries(found: object) -> list[Entry]:
    pairs = cast(list[tuple[bytes, dict[bytes, bytes]]], found)
    return [Entry(name.decode(), fields.get(LINE, b"")) for name, fields in pairs]
