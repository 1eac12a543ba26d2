"""The past runs of each job, in Redis: a short entry for each end, and which jobs have run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain, islice, pairwise
from operator import attrgetter
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_names_of_tasks import shard_of_tasks, shards_of_tasks
from donebit.store.milliseconds import milliseconds
from donebit.store.sharded_sets import first_of_all
from donebit.store.stream_ends import end_before
from donebit.store.task_shards import TaskShards

RUN = b"r"
StreamEntry = tuple[bytes, dict[bytes, bytes]]


class StoredRun(NamedTuple):
    """A past run as it is kept.

    Attributes:
        id: of its entry in the stream; where there are several, its second number also says in which
        text: what was written
    """

    id: str
    text: bytes

    @property
    def place(self) -> list[int]:
        """Its place among all runs of its job: that of a later one is greater."""
        return list(map(int, self.id.split("-")))


class HistoryStore:
    """The runs of a job are in one key; where tasks are in shards, in one of each shard.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, keys: Keys, task_shards: TaskShards) -> None:
        self._client = client
        self._keys = keys
        self._task_shards = task_shards

    def key(self, job: str, task_id: str) -> str:
        """The key in which the runs of a task are kept."""
        count = self._task_shards.count
        if count == 1:
            return self._keys.runs(job)
        return shard_of_tasks(self._keys.runs_in_shards(job), task_id.encode(), count)

    def _names(self, job: str) -> list[str]:
        """The keys that a job's runs may be in.

        Beside the shards that is the key which had them all before, until its runs are over.
        """
        count, single = self._task_shards.count, self._keys.runs(job)
        return [single] if count == 1 else [single, *shards_of_tasks(self._keys.runs_in_shards(job), count)]

    @outages_named
    def append_run(self, job: str, task_id: str, text: bytes, *, now_ms: int, ttl: timedelta) -> None:
        """Keep a run, and drop those in its key that are older than the TTL.

        Exactly: where the server drops whole nodes of the stream only, each shard keeps some sixty more.
        """
        oldest_ms, name = now_ms - milliseconds(ttl), self.key(job, task_id)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xadd(name, {RUN: text}, minid=max(0, oldest_ms), approximate=False)
            pipe.pexpire(name, milliseconds(ttl))
            pipe.zadd(self._keys.JOBS, {job: now_ms})
            pipe.zremrangebyscore(self._keys.JOBS, 0, f"({oldest_ms}")
            pipe.pexpire(self._keys.JOBS, milliseconds(ttl))
            pipe.execute()

    @outages_named
    def runs(self, job: str, limit: int, before: str | None = None) -> list[StoredRun]:
        """At most `limit` runs, the newest first: of all, or of those before an id."""
        names = self._names(job)
        ends = [end_in_key(before, place, len(names)) for place in range(len(names))]

        def of_each(count: int) -> list[list[StoredRun]]:
            with self._client.pipeline(transaction=False) as pipe:
                for name, end in zip(names, ends, strict=True):
                    pipe.xrevrange(name, max=end, min="-", count=count)
                return _runs_in_keys(pipe.execute())

        return first_of_all(of_each, len(names), limit, attrgetter("place"), descending=True)

    @outages_named
    def jobs(self) -> list[str]:
        """The jobs that have run."""
        found = cast(list[bytes], self._client.zrange(self._keys.JOBS, 0, -1))
        return [name.decode() for name in found]

    @outages_named
    def newest_runs(self, jobs: Sequence[str]) -> list[tuple[int, StoredRun | None]]:
        """How many runs of each job are kept, about, and its newest one."""
        of_jobs = [self._names(job) for job in jobs]
        with self._client.pipeline(transaction=False) as pipe:
            for names in of_jobs:
                for name in names:
                    pipe.xlen(name)
                for name in names:
                    pipe.xrevrange(name, count=1)
            answers = iter(pipe.execute())
        found = [(list(islice(answers, len(names))), list(islice(answers, len(names)))) for names in of_jobs]
        return [(sum(lengths), newest(_runs_in_keys(entries))) for lengths, entries in found]

    @outages_named
    def bit_counts(self, task_id: str, edges: Sequence[int]) -> list[tuple[int, int]]:
        """How many steps are done, and how many gave up, between each two of the edges."""
        names = (self._keys.bitmap(task_id), self._keys.failed(task_id))
        with self._client.pipeline(transaction=False) as pipe:
            for first, after in pairwise(edges):
                for name in names:
                    pipe.bitcount(name, first, after - 1, mode="BIT")
            answers = cast(list[int], pipe.execute())
        return list(zip(answers[::2], answers[1::2], strict=True))


def end_in_key(before: str | None, place: int, keys: int) -> str:
    """The end of a key's range of all runs, or of those before an id, as XREVRANGE takes it.

    Args:
        place: of the key among all in which the job's runs are
        keys: how many those are
    """
    if before is None:
        return end_before(None)
    ms, number = map(int, before.split("-"))
    sequence, its_place = divmod(number, keys)
    return f"{ms}-{sequence}" if place < its_place else end_before(f"{ms}-{sequence}")


def newest(runs_in_keys: Sequence[Sequence[StoredRun]]) -> StoredRun | None:
    """The newest of all runs."""
    return max(chain.from_iterable(runs_in_keys), key=attrgetter("place"), default=None)


def _runs_in_keys(answers: Sequence[Sequence[StreamEntry]]) -> list[list[StoredRun]]:
    """The runs that were found in each key; each with an id of its own, which streams give twice."""
    keys = len(answers)
    return [
        [StoredRun(_id_in_all(name, place, keys), fields.get(RUN, b"")) for name, fields in entries]
        for place, entries in enumerate(answers)
    ]


def _id_in_all(name: bytes, place: int, keys: int) -> str:
    ms, _, sequence = name.decode().partition("-")
    return f"{ms}-{int(sequence) * keys + place}"
