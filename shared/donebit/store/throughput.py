"""What was done and failed in the last day and month, in Redis: a small hash for each bucket of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys


class Bucket(NamedTuple):
    """So many seconds, from one since the epoch on."""

    seconds: int
    start: int


class ThroughputStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def add(self, counts: Mapping[str, int], buckets: Iterable[tuple[Bucket, int]]) -> None:
        """Add to what is counted in some buckets, in one round trip.

        Args:
            counts: what is added to which figure
            buckets: each with when it is forgotten, in seconds since the epoch
        """
        with self._client.pipeline(transaction=False) as pipe:
            for bucket, forgotten_at in buckets:
                name = self._keys.throughput(*bucket)
                for figure, amount in counts.items():
                    pipe.hincrby(name, figure, amount)
                pipe.expireat(name, forgotten_at)
            pipe.execute()

    @outages_named
    def counts(self, buckets: Iterable[Bucket]) -> list[dict[str, int]]:
        """The figures of each bucket; none of one in which nothing was counted."""
        with self._client.pipeline(transaction=False) as pipe:
            for bucket in buckets:
                pipe.hgetall(self._keys.throughput(*bucket))
            found = cast(list[dict[bytes, bytes]], pipe.execute())
        return [{figure.decode(): int(amount) for figure, amount in one.items()} for one in found]
