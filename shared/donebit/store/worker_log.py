"""The last lines of the workers' logs: a capped stream, which nobody must rely on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.stream_ends import end_before

MOST_LINES = 10_000  # some more, for the server drops them by the hundred; 2 to 3 MB as they mostly are
LIFE = timedelta(days=1)  # after the last line
TROUBLE_LIFE = timedelta(days=7)
LINE = b"line"
# A line is JSON without spaces that its worker wrote; in a text the quotation marks are escaped.
LOUD = tuple(f'"level":"{level}"'.encode() for level in ("warning", "error", "critical"))


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
    def newest(self, count: int, before: str | None = None, *, loud: bool = False) -> list[Entry]:
        """At most `count` lines, the newest first: of all, or of those before an id.

        Args:
            loud: of warnings and errors alone, whose ids are others
        """
        top = end_before(before)
        return _entries(self._client.xrevrange(self._name(loud=loud), max=top, min="-", count=count))

    @outages_named
    def after(self, line_id: str, count: int, *, loud: bool = False) -> list[Entry]:
        """At most `count` lines that came after an id, the oldest first."""
        return _entries(self._client.xrange(self._name(loud=loud), min=f"({line_id}", max="+", count=count))

    def _name(self, *, loud: bool) -> str:
        return self._keys.TROUBLE_LOG if loud else self._keys.WORKER_LOG


def add_lines(pipe: Redis, keys: Keys, texts: Sequence[bytes]) -> None:
    """Have a pipeline add lines, in their order; warnings and errors to a stream of their own too."""
    loud = [text for text in texts if any(mark in text for mark in LOUD)]
    for name, lines, life in ((keys.WORKER_LOG, texts, LIFE), (keys.TROUBLE_LOG, loud, TROUBLE_LIFE)):
        for text in lines:
            pipe.xadd(name, {LINE: text}, maxlen=MOST_LINES, approximate=True)
        if lines:
            pipe.expire(name, life)


def _entries(found: object) -> list[Entry]:
    pairs = cast(list[tuple[bytes, dict[bytes, bytes]]], found)
    return [Entry(name.decode(), fields.get(LINE, b"")) for name, fields in pairs]
