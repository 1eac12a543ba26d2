"""The list of all events and that of all flags: each name with the kind of users that it holds.

What is known about one of them is in its own slot, and nodes of a cluster have no order in common. So a name
is entered after what is known has begun, and before the first bit; and it leaves in three commands, of which
any may be the last of its process.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import cast

from redis import Redis
from redis.commands.core import Script

LEAVING = b" "  # after the kind of a name that may be about to leave, and before what nobody else writes


class ListedNames:
    """The names in one list. Methods raise the client's own errors.

    Args:
        name: of the key
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], name: str) -> None:
        self._client, self._scripts, self._name = client, scripts, name

    def kinds(self) -> dict[str, str]:
        """Every name, with the kind of users it holds."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._name))
        return {name.decode(): kind_of(entry) for name, entry in found.items()}

    def has(self, name: str) -> bool:
        """Whether a name is in the list."""
        return bool(self._client.hexists(self._name, name))

    def enter(self, name: str, kind: str) -> None:
        """Enter a name, in place of its entry."""
        self._client.hset(self._name, name, kind)

    def enter_ahead(self, name: str, kind: str) -> None:
        """Enter a name before anything is known about it; an entry that it has stays, unless under a mark."""
        while not self._client.hsetnx(self._name, name, kind):
            entry = cast(bytes | None, self._client.hget(self._name, name))
            if entry is None:
                continue
            if LEAVING not in entry or self.replace_entry(name, entry, kind.encode()):
                return

    def leave(self, name: str, present_kind: Callable[[str], str]) -> bool:
        """Take out a name of which nothing is known any more.

        It stays, under a mark, until it is certain that it has not begun again: the process that begins it
        enters it afterwards, and so in place of the mark.

        Args:
            present_kind: reads what is known about it, and gets the kind of its entry; empty for nothing

        Returns:
            Whether it has left, or stays as it has begun again. False where its entry changed meanwhile and
            nothing was known about it yet: it is to be looked at again.
        """
        entry = cast(bytes | None, self._client.hget(self._name, name))
        if entry is None:
            return True
        listed = kind_of(entry)
        mark = listed.encode() + LEAVING + uuid.uuid4().hex.encode()
        self.replace_entry(name, entry, mark)
        kind = present_kind(listed)
        return self.replace_entry(name, mark, kind.encode()) or kind != ""

    def replace_entry(self, name: str, old: bytes, new: bytes) -> bool:
        """Change an entry, or with nothing in its place take it out, unless it is another by now."""
        return bool(self._scripts["replace_entry"](keys=[self._name], args=[name, old, new]))


def kind_of(entry: bytes) -> str:
    """The kind of users, from an entry."""
    return entry.partition(LEAVING)[0].decode()
