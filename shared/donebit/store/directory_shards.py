"""In how many shards a store has its directories: its layout says so, from the first visit on."""

from __future__ import annotations

from typing import cast

from redis import Redis

from donebit.store.id_shards import OF_A_CLUSTER
from donebit.store.key_names import Keys
from donebit.store.layout import shards_in
from donebit.store.server_client import router_of


def shards_of_new(client: Redis) -> int:
    """In how many shards a store that begins there has its directories."""
    return 1 if router_of(client) is None else OF_A_CLUSTER


class DirectoryShards:
    """In how many shards the directories of a store are."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys
        self._count: int | None = None

    @property
    def count(self) -> int:
        """As the layout has it: read once, and again while there is no visit yet.

        Raises the client's own errors where it cannot be read.
        """
        if self._count is None:
            text = cast(bytes | None, self._client.get(self._keys.LAYOUT)) or b""
            self._count = shards_in(text.decode())
        return self._count or shards_of_new(self._client)
