"""The figures of all processes, in Redis: how often what happened, by job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import cast

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds

NO_FIGURES = (b"job", b"jobs")  # what the script keeps for itself


class MetricStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    @outages_named
    def add_counts(self, counts: Iterable[tuple[str, str, int]], *, ttl: timedelta, most_jobs: int) -> None:
        """Add to figures, atomically.

        Args:
            counts: a figure's name, the job that it is of, and what is added
            ttl: how long all figures are kept from now on
            most_jobs: how many jobs have figures of their own; those of all others are added up
        """
        args: list[str | int] = [milliseconds(ttl), most_jobs]
        for count in counts:
            args += count
        self._scripts["add_counts"](keys=[self._keys.METRICS], args=args)

    @outages_named
    def counts(self) -> dict[str, int]:
        """Every figure by its name and its job, with a slash between."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.METRICS))
        return {
            field.decode(): int(amount)
            for field, amount in found.items()
            if field.partition(b"/")[0] not in NO_FIGURES
        }
