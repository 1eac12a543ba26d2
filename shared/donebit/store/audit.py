"""The audit in Redis: a capped stream of what was done, each entry under the server's own time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.stream_ends import end_before


class AuditRecord(NamedTuple):
    """An entry as it is kept: the id that the stream gave it, and its fields."""

    id: str
    fields: Mapping[str, str]

    @property
    def at_ms(self) -> int:
        """When it was kept (ms since the epoch, by the server's clock)."""
        return int(self.id.partition("-")[0])


class AuditStore:
    """Keeps and reads the entries.

    Every method raises StoreUnavailable when the server cannot be reached.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def add(self, fields: Mapping[str, str], most: int) -> None:
        """Keep an entry, and of all about the newest `most`: the server drops them by the hundred."""
        pairs = cast(dict[Any, Any], fields)
        self._client.xadd(self._keys.AUDIT, pairs, maxlen=most, approximate=True)

    @outages_named
    def newest(self, count: int, before: str | None = None) -> list[AuditRecord]:
        """At most `count` entries, the newest first: of all, or of those before an id."""
        top = end_before(before)
        found = self._client.xrevrange(self._keys.AUDIT, max=top, min="-", count=count)
        pairs = cast(list[tuple[bytes, dict[bytes, bytes]]], found)
        return [
            AuditRecord(name.decode(), {field.decode(): text.decode() for field, text in fields.items()})
            for name, fields in pairs
        ]
