"""The indexes of tasks in Redis: those that are open, by the sweep's next look, and all, by creation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import chain
from math import ceil
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit import clock
from donebit.store.answers import IndexSizes, ListedTask, OpenAndNew
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.sharded_sets import highest, lowest
from donebit.store.task_shards import TaskShards


class TaskIndexStore:
    """Which tasks are open, and which are listed; in one key each, or in several shards.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(
        self, client: Redis, scripts: Mapping[str, Script], keys: Keys, task_shards: TaskShards
    ) -> None:
        self._client = client
        self._keys = keys
        self._task_shards = task_shards
        self._scripts = scripts

    def _open(self, task_id: str) -> str:
        return self._task_shards.key(self._keys.OPEN_TASKS, task_id)

    def _listed(self, task_id: str) -> str:
        return self._task_shards.key(self._keys.ALL_TASKS, task_id)

    @outages_named
    def index_task(self, task_id: str, created_us: int, look_ms: int, ttl: timedelta) -> None:
        """Enter a task into both indexes.

        Before the task itself is made: a stale entry is harmless, a missing one is not.
        """
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._open(task_id), {task_id: look_ms})
            pipe.zadd(self._listed(task_id), {task_id: created_us})
            for index in self._keys.of_all_tasks():
                pipe.pexpire(self._task_shards.key(index, task_id), milliseconds(ttl))
            pipe.execute()

    @outages_named
    def extend_indexes(self, ttl: timedelta) -> None:
        """Keep the indexes alive as long as the tasks in them can be, and follow the server's clock."""
        asked_at = clock.monotonic()
        with self._client.pipeline(transaction=False) as pipe:
            for index in self._keys.of_all_tasks():
                for name in self._task_shards.keys(index):
                    pipe.pexpire(name, milliseconds(ttl))
            pipe.time()
            *_, (seconds, microseconds) = pipe.execute()
        clock.follow(seconds * 1_000_000 + microseconds, asked_at)

    @outages_named
    def unindex_task(self, task_id: str) -> None:
        """Take a task that is gone out of every index, that of ended chords too."""
        with self._client.pipeline(transaction=False) as pipe:
            for name in (self._open(task_id), self._listed(task_id), self._keys.CHORDS):
                pipe.zrem(name, task_id)
            pipe.execute()

    @outages_named
    def open_tasks(self, until_ms: int, limit: int) -> list[str]:
        """Tasks whose next look is due, the longest due first; then those of a clock that was set back."""
        names = self._task_shards.keys(self._keys.OPEN_TASKS)
        due = lowest(self._client, names, until_ms, limit)
        due += highest(self._client, names, None, until_ms + milliseconds(clock.SET_BACK), limit - len(due))
        return [name.decode() for name, _ in due]

    @outages_named
    def open_and_new(self, since_us: int) -> OpenAndNew:
        """Every open task, and every task created since a moment (us since the epoch)."""
        opened, listed = map(self._task_shards.keys, (self._keys.OPEN_TASKS, self._keys.ALL_TASKS))
        with self._client.pipeline(transaction=False) as pipe:
            for name in opened:
                pipe.zrange(name, 0, -1)
            for name in listed:
                pipe.zrangebyscore(name, since_us, "+inf")
            found = cast(list[list[bytes]], pipe.execute())
        return OpenAndNew(_ids(found[: len(opened)]), _ids(found[len(opened) :]))

    @outages_named
    def look_again(self, task_id: str, at_ms: int) -> None:
        """Set the next look; a task that has left the index stays out."""
        self._client.zadd(self._open(task_id), {task_id: at_ms}, xx=True)

    @outages_named
    def next_look(self, task_id: str) -> int | None:
        """When an open task is looked at next (ms); None for one that is not open."""
        found = self._client.zscore(self._open(task_id), task_id)
        return None if found is None else int(found)

    @outages_named
    def open_again(self, task_id: str, look_ms: int, ttl: timedelta) -> None:
        """Put a task among the open ones; where there are none, the index gets this TTL."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._open(task_id), {task_id: look_ms})
            pipe.pexpire(self._open(task_id), milliseconds(ttl), nx=True)
            pipe.execute()

    @outages_named
    def close_task(self, task_id: str, next_look_ms: int) -> bool:
        """Take an announced task out of the open ones, unless its next look is another by now."""
        args: list[str | int] = [task_id, next_look_ms]
        return bool(self._scripts["remove_if_score"](keys=[self._open(task_id)], args=args))

    @outages_named
    def newest(self, before_us: int | None, limit: int, since_us: int = 0) -> list[ListedTask]:
        """Listed tasks, the newest first, created at `before_us` or earlier, and at `since_us` or later."""
        names = self._task_shards.keys(self._keys.ALL_TASKS)
        found = highest(self._client, names, before_us, since_us, limit)
        return [ListedTask(name.decode(), int(score)) for name, score in found]

    @outages_named
    def sample(self, until_us: int, limit: int) -> list[str]:
        """Some of the listed tasks, about `limit`, at random, of those created until then."""
        names = self._task_shards.keys(self._keys.ALL_TASKS)
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrandmember(name, ceil(limit / len(names)), withscores=True)
            found = chain.from_iterable(cast(list[list[bytes]], pipe.execute()))
        pairs = zip(*[iter(found)] * 2, strict=True)
        return [name.decode() for name, created_us in pairs if float(created_us) <= until_us]

    @outages_named
    def sizes(self) -> IndexSizes:
        """How many tasks are open, and how many are listed."""
        opened, listed = map(self._task_shards.keys, (self._keys.OPEN_TASKS, self._keys.ALL_TASKS))
        with self._client.pipeline(transaction=False) as pipe:
            for name in (*opened, *listed):
                pipe.zcard(name)
            found = cast(list[int], pipe.execute())
        return IndexSizes(sum(found[: len(opened)]), sum(found[len(opened) :]))


def _ids(found: Iterable[list[bytes]]) -> set[str]:
    return {name.decode() for page in found for name in page}
