"""The indexes of tasks in Redis: those that are open, by the sweep's next look, and all, by creation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit import clock
from donebit.store.answers import IndexSizes, ListedTask, OpenAndNew
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_names_of_tasks import KINDS
from donebit.store.milliseconds import milliseconds


class TaskIndexStore:
    """Which tasks are open, and which are listed.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def index_task(self, task_id: str, created_us: int, look_ms: int, ttl: timedelta) -> None:
        """Enter a task into both indexes.

        Before the task itself is made: a stale entry is harmless, a missing one is not.
        """
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._keys.OPEN_TASKS, {task_id: look_ms})
            pipe.zadd(self._keys.ALL_TASKS, {task_id: created_us})
            self._extend_indexes(pipe, ttl)
            pipe.execute()

    @outages_named
    def extend_indexes(self, ttl: timedelta) -> None:
        """Keep the indexes alive as long as the tasks in them can be, and follow the server's clock."""
        asked_at = clock.monotonic()
        with self._client.pipeline(transaction=False) as pipe:
            self._extend_indexes(pipe, ttl)
            pipe.time()
            *_, (seconds, microseconds) = pipe.execute()
        clock.follow(seconds * 1_000_000 + microseconds, asked_at)

    def _extend_indexes(self, pipe: Redis, ttl: timedelta) -> None:
        for index in (self._keys.OPEN_TASKS, self._keys.ALL_TASKS, *map(self._keys.pending, KINDS)):
            pipe.pexpire(index, milliseconds(ttl))

    @outages_named
    def unindex_task(self, task_id: str) -> None:
        """Take a task that is gone out of every index, that of ended chords too."""
        with self._client.pipeline(transaction=False) as pipe:
            for index in (self._keys.OPEN_TASKS, self._keys.ALL_TASKS, self._keys.CHORDS):
                pipe.zrem(index, task_id)
            pipe.execute()

    @outages_named
    def open_tasks(self, until_ms: int, limit: int) -> list[str]:
        """Tasks whose next look is due, the longest due first."""
        found = self._client.zrangebyscore(self._keys.OPEN_TASKS, 0, until_ms, start=0, num=limit)
        return [name.decode() for name in cast(list[bytes], found)]

    @outages_named
    def open_and_new(self, since_us: int) -> OpenAndNew:
        """Every open task, and every task created since a moment (us since the epoch)."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zrange(self._keys.OPEN_TASKS, 0, -1)
            pipe.zrangebyscore(self._keys.ALL_TASKS, since_us, "+inf")
            opened, new = pipe.execute()
        return OpenAndNew({name.decode() for name in opened}, {name.decode() for name in new})

    @outages_named
    def look_again(self, task_id: str, at_ms: int) -> None:
        """Set the next look; a task that has left the index stays out."""
        self._client.zadd(self._keys.OPEN_TASKS, {task_id: at_ms}, xx=True)

    @outages_named
    def next_look(self, task_id: str) -> int | None:
        """When an open task is looked at next (ms); None for one that is not open."""
        found = self._client.zscore(self._keys.OPEN_TASKS, task_id)
        return None if found is None else int(found)

    @outages_named
    def open_again(self, task_id: str, look_ms: int, ttl: timedelta) -> None:
        """Put a task among the open ones; where there are none, the index gets this TTL."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(self._keys.OPEN_TASKS, {task_id: look_ms})
            pipe.pexpire(self._keys.OPEN_TASKS, milliseconds(ttl), nx=True)
            pipe.execute()

    @outages_named
    def close_task(self, task_id: str, next_look_ms: int) -> bool:
        """Take an announced task out of the open ones, unless its next look is another by now."""
        args: list[str | int] = [task_id, next_look_ms]
        return bool(self._scripts["remove_if_score"](keys=[self._keys.OPEN_TASKS], args=args))

    @outages_named
    def newest(self, before_us: int | None, limit: int, since_us: int = 0) -> list[ListedTask]:
        """Listed tasks, the newest first, created at `before_us` or earlier, and at `since_us` or later."""
        top = "+inf" if before_us is None else before_us
        found = self._client.zrevrangebyscore(
            self._keys.ALL_TASKS, top, since_us, start=0, num=limit, withscores=True
        )
        return [
            ListedTask(name.decode(), int(score)) for name, score in cast(list[tuple[bytes, float]], found)
        ]

    @outages_named
    def sample(self, until_us: int, limit: int) -> list[str]:
        """Some of the listed tasks, at random, of those created until then."""
        found = self._client.zrandmember(self._keys.ALL_TASKS, limit, withscores=True)
        pairs = zip(*[iter(cast(list[bytes], found))] * 2, strict=True)
        return [name.decode() for name, created_us in pairs if float(created_us) <= until_us]

    @outages_named
    def sizes(self) -> IndexSizes:
        """How many tasks are open, and how many are listed."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zcard(self._keys.OPEN_TASKS)
            pipe.zcard(self._keys.ALL_TASKS)
            open_tasks, listed = pipe.execute()
        return IndexSizes(open_tasks, listed)
