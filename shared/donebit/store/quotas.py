"""What limits are counted against: how much there is, and how many requests each token sent in a second."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.directory_shards import DirectoryShards
from donebit.store.id_shards import Directory
from donebit.store.key_names import Keys
from donebit.store.task_shards import TaskShards

KEPT = timedelta(seconds=10)
PROCESSES = "#"  # before a token's name, which has none: how many processes had requests of it


class Amounts(NamedTuple):
    """How much there is of what has a limit."""

    open_tasks: int
    events: int
    flags: int
    text_ids: int


class QuotaStore:
    """Reads and writes the figures.

    Every method raises StoreUnavailable when the server cannot be reached.
    """

    def __init__(
        self, client: Redis, keys: Keys, task_shards: TaskShards, directory_shards: DirectoryShards
    ) -> None:
        self._client = client
        self._keys = keys
        self._task_shards = task_shards
        self._directory_shards = directory_shards

    @outages_named
    def amounts(self) -> Amounts:
        """How much there is of each."""
        texts = Directory(self._keys.TEXT_USERS, self._directory_shards.count)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hlen(self._keys.EVENTS)
            pipe.hlen(self._keys.FLAGS)
            for name in texts.names:
                pipe.hlen(self._keys.numbers(name))
            for name in self._task_shards.keys(self._keys.OPEN_TASKS):
                pipe.zcard(name)
            events, flags, *others = cast(list[int], pipe.execute())
        text_ids, open_tasks = others[: len(texts.names)], others[len(texts.names) :]
        return Amounts(sum(open_tasks), events, flags, sum(text_ids))

    @outages_named
    def has_task(self, task_id: str) -> bool:
        """Whether there is such a task, running or ended."""
        return bool(self._client.exists(self._keys.record(task_id)))

    @outages_named
    def may_run_again(self, task_id: str) -> bool:
        """Whether a task has ended, and may run on after that end."""
        return self._client.hget(self._keys.record(task_id), "state") in (b"failed", b"cancelled")

    @outages_named
    def count_new_events(self, events: Collection[str]) -> int:
        """How many of these events there are not; there must be one at least."""
        return cast(list[object], self._client.hmget(self._keys.EVENTS, list(events))).count(None)

    @outages_named
    def has_flag(self, flag: str) -> bool:
        """Whether there is such a flag."""
        return bool(self._client.hexists(self._keys.FLAGS, flag))

    @outages_named
    def exchange(self, second: int, sent: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Add this process's requests of a second that is over, and read those of the second before it.

        Args:
            second: since the epoch
            sent: how many requests of each token

        Returns:
            By token, how many requests all processes had, and how many processes had some.
        """
        own, before = self._keys.requests_in_second(second), self._keys.requests_in_second(second - 1)
        with self._client.pipeline(transaction=False) as pipe:
            for token, count in sent.items():
                pipe.hincrby(own, token, count)
                pipe.hincrby(own, PROCESSES + token, 1)
            if sent:
                pipe.expire(own, KEPT)
            pipe.hgetall(before)
            found = cast(dict[bytes, bytes], pipe.execute()[-1])
        counts = {name.decode(): int(count) for name, count in found.items()}
        return {
            name: (count, counts.get(PROCESSES + name, 1))
            for name, count in counts.items()
            if not name.startswith(PROCESSES)
        }
