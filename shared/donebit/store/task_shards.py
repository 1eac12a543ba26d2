"""In how many keys a store has each index of all its tasks: fixed when it is first used."""

from __future__ import annotations

from typing import Final, cast

from redis import Redis

from donebit.store.key_names import Keys
from donebit.store.key_names_of_tasks import shard_of_tasks, shards_of_tasks
from donebit.store.layout import TASKS_IN_SHARDS, is_marked
from donebit.store.server_client import router_of

OF_A_CLUSTER: Final = 16


class TaskShards:
    """In how many keys there is each index: one on one server, several in a store that began on a cluster.

    It is read at the first use of a process, and on a cluster recorded where no process has done that. Keys
    that somebody has copied from a cluster to one server stay in their shards there.

    It has a key of its own: tasks may come before the first visit, which is what writes the layout, and with
    it the number of shards that directories have.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._count: int | None = None

    @property
    def count(self) -> int:
        """As it is recorded; raises the client's own errors where that cannot be read."""
        if self._count is None:
            self._count = self._recorded()
        return self._count

    def key(self, index: str, task_id: str) -> str:
        """The key of an index that a task is in."""
        return index if self.count == 1 else shard_of_tasks(index, task_id.encode(), self.count)

    def keys(self, index: str) -> list[str]:
        """The keys of an index, which have all tasks between them."""
        return shards_of_tasks(index, self.count)

    def _recorded(self) -> int:
        if found := self._client.get(self._keys.TASK_SHARDS):
            return int(found)
        return 1 if router_of(self._client) is None else self._record()

    def _record(self) -> int:
        """Record how many there are, unless another process just did; how many there are."""
        wanted = OF_A_CLUSTER if self._is_new() else 1
        before = self._client.set(self._keys.TASK_SHARDS, wanted, nx=True, get=True)
        return int(cast(bytes | None, before) or wanted)

    def _is_new(self) -> bool:
        """Whether nothing is in the store yet; then its layout is marked, before anything is in a shard.

        Releases that know of no shards refuse that mark.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for name in self._keys.unsharded():
                pipe.exists(name)
            if any(pipe.execute()):
                return False
        layout = self._client.set(self._keys.LAYOUT, TASKS_IN_SHARDS, nx=True, get=True)
        return layout is None or is_marked(cast(bytes, layout).decode())
