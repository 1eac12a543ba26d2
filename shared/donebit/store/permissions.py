"""Permissions in Redis: a small bitmap an object, and what its bits mean for each kind of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.answers import PermissionChange
from donebit.store.bitmaps import bits_of
from donebit.store.client import outages_named
from donebit.store.key_names import Keys


class PermissionStore:
    """The bitmaps of objects, and the names of their bits.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def names(self, kind: str) -> list[str]:
        """What the bits of this kind of objects permit, in order; nothing for a kind never named."""
        found = cast(list[bytes], self._client.lrange(self._keys.permission_names(kind), 0, -1))
        return [name.decode() for name in found]

    @outages_named
    def name_permissions(self, kind: str, names: Sequence[str]) -> bool:
        """Let these be the names; False, and nothing changed, if others are in place of the first of them."""
        answer = self._scripts["name_permissions"](keys=[self._keys.permission_names(kind)], args=list(names))
        return cast(bytes, answer) == b"ok"

    @outages_named
    def change_permissions(
        self, kind: str, thing: str, on: Sequence[int], off: Sequence[int]
    ) -> PermissionChange:
        """Set and clear bits of an object atomically."""
        name = self._keys.permissions(kind, thing)
        answer = self._scripts["change_permissions"](keys=[name], args=[len(on), *on, *off])
        changed, bitmap = cast(tuple[int, bytes], answer)
        return PermissionChange(changed, list(map(int, bits_of(bitmap))))

    @outages_named
    def permissions(self, kind: str, thing: str) -> list[int]:
        """The bits that are set for an object."""
        bitmap = cast(bytes | None, self._client.get(self._keys.permissions(kind, thing)))
        return list(map(int, bits_of(bitmap or b"")))

    @outages_named
    def drop(self, kind: str, thing: str) -> bool:
        """Clear all of an object's; whether it had any."""
        return self._client.unlink(self._keys.permissions(kind, thing)) == 1
