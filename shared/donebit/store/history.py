"""The past runs of each job, in Redis: a short entry for each end, and which jobs have run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.stream_ends import end_before

RUN = b"r"


class StoredRun(NamedTuple):
    """A past run as it is kept: the id that the stream gave it, and what was written."""

    id: str
    text: bytes


class HistoryStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def append_run(self, job: str, text: bytes, *, now_ms: int, ttl: timedelta) -> None:
        """Keep a run, and drop those that are older than the TTL."""
        oldest_ms = now_ms - milliseconds(ttl)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xadd(self._keys.runs(job), {RUN: text}, minid=max(0, oldest_ms), approximate=True)
            pipe.pexpire(self._keys.runs(job), milliseconds(ttl))
            pipe.zadd(self._keys.JOBS, {job: now_ms})
            pipe.zremrangebyscore(self._keys.JOBS, 0, f"({oldest_ms}")
            pipe.pexpire(self._keys.JOBS, milliseconds(ttl))
            pipe.execute()

    @outages_named
    def runs(self, job: str, limit: int, before: str | None = None) -> list[StoredRun]:
        """At most `limit` runs, the newest first: of all, or of those before an id."""
        newest = self._client.xrevrange(self._keys.runs(job), max=end_before(before), min="-", count=limit)
        return _runs(newest)

    @outages_named
    def jobs(self) -> list[str]:
        """The jobs that have run."""
        found = cast(list[bytes], self._client.zrange(self._keys.JOBS, 0, -1))
        return [name.decode() for name in found]

    @outages_named
    def newest_runs(self, jobs: Sequence[str]) -> list[tuple[int, StoredRun | None]]:
        """How many runs of each job are kept, about, and its newest one."""
        with self._client.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.xlen(self._keys.runs(job))
                pipe.xrevrange(self._keys.runs(job), count=1)
            answers = pipe.execute()
        return [
            (length, next(iter(_runs(found)), None))
            for length, found in zip(answers[::2], answers[1::2], strict=True)
        ]

    @outages_named
    def bit_counts(self, task_id: str, edges: Sequence[int]) -> list[tuple[int, int]]:
        """How many steps are done, and how many gave up, between each two of the edges."""
        names = (self._keys.bitmap(task_id), self._keys.failed(task_id))
        with self._client.pipeline(transaction=False) as pipe:
            for first, after in itertools.pairwise(edges):
                for name in names:
                    pipe.bitcount(name, first, after - 1, mode="BIT")
            answers = cast(list[int], pipe.execute())
        return list(zip(answers[::2], answers[1::2], strict=True))


def _runs(found: object) -> list[StoredRun]:
    pairs = cast(list[tuple[bytes, dict[bytes, bytes]]], found)
    return [StoredRun(name.decode(), fields.get(RUN, b"")) for name, fields in pairs]
