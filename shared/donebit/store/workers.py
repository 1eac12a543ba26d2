"""Which workers there are, what they finish by the second, and what was healed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.task_shards import TaskShards
from donebit.store.worker_log import add_lines

REMEMBERED = timedelta(minutes=10)  # after a worker was last seen
COUNTS_LIVE = timedelta(minutes=3)
HEALS_LIVE = timedelta(days=1)
MOST_HEALS = 1000
MINUTE = 60


class WorkerReports(NamedTuple):
    """What is known of the workers at one moment, as it is kept."""

    workers: dict[str, str]
    steps: dict[int, int]  # by second since the epoch
    heals: list[str]  # the newest first
    healed: int  # how many, in the last day
    sweep_ms: int | None
    open_tasks: int
    queues: list[int]  # messages waiting, in the order asked
    in_hand: int  # messages that workers have taken and not finished


class WorkerStore:
    """Signs of the workers. Every method raises StoreUnavailable when the server cannot be reached."""

    def __init__(self, client: Redis, keys: Keys, task_shards: TaskShards) -> None:
        self._client = client
        self._keys = keys
        self._task_shards = task_shards

    @outages_named
    def keep(
        self,
        worker: str,
        *,
        how: str | None = None,
        steps: Mapping[int, int] | None = None,
        lines: Sequence[bytes] = (),
    ) -> None:
        """Write what a worker reports of itself, in one round trip: a server syncs its file once.

        Args:
            how: the worker is now; None when that is as before
            steps: that it finished, by the second since the epoch
            lines: of its log
        """
        with self._client.pipeline(transaction=False) as pipe:
            add_lines(pipe, self._keys, lines)
            for second, finished in (steps or {}).items():
                pipe.hincrby(self._keys.steps_in_minute(second // MINUTE), str(second), finished)
                pipe.expire(self._keys.steps_in_minute(second // MINUTE), COUNTS_LIVE)
            if how is not None:
                pipe.hset(self._keys.WORKERS, worker, how)
                pipe.expire(self._keys.WORKERS, REMEMBERED)
            pipe.execute()

    @outages_named
    def shown(self) -> dict[str, str]:
        """How each worker was when it last showed itself."""
        return _texts(cast(dict[bytes, bytes], self._client.hgetall(self._keys.WORKERS)))

    @outages_named
    def forget(self, workers: Sequence[str]) -> None:
        if workers:
            self._client.hdel(self._keys.WORKERS, *workers)

    @outages_named
    def note_heal(self, task_id: str, steps: int, now_ms: int) -> None:
        """Keep that missing steps of a task were sent again."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zadd(self._keys.HEALS, {f"{task_id}:{now_ms}:{steps}": now_ms})
            pipe.zremrangebyscore(self._keys.HEALS, 0, now_ms - HEALS_LIVE // timedelta(milliseconds=1))
            pipe.zremrangebyrank(self._keys.HEALS, 0, -MOST_HEALS - 1)
            pipe.expire(self._keys.HEALS, HEALS_LIVE)
            pipe.execute()

    @outages_named
    def read_reports(self, queues: Sequence[str], now_ms: int, heals: int) -> WorkerReports:
        """Everything the workers' view shows, in one round trip.

        Args:
            heals: how many of the last heals are answered one by one
        """
        minute = now_ms // 1000 // MINUTE
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._keys.WORKERS)
            pipe.hgetall(self._keys.steps_in_minute(minute - 1))
            pipe.hgetall(self._keys.steps_in_minute(minute))
            pipe.zrevrange(self._keys.HEALS, 0, heals - 1)
            pipe.zcount(self._keys.HEALS, now_ms - HEALS_LIVE // timedelta(milliseconds=1), "+inf")
            pipe.get(self._keys.heartbeat("sweep"))
            pipe.hlen(self._keys.of_broker("unacked"))
            for queue in queues:
                pipe.llen(self._keys.of_broker(queue))
            for name in self._task_shards.keys(self._keys.OPEN_TASKS):
                pipe.zcard(name)
            found: list[Any] = pipe.execute()
        workers, before, now, last, healed, sweep, in_hand, *lengths = found
        return WorkerReports(
            workers=_texts(workers),
            steps={int(second): int(steps) for second, steps in (before | now).items()},
            heals=[heal.decode() for heal in last],
            healed=healed,
            sweep_ms=None if sweep is None else int(sweep),
            open_tasks=sum(lengths[len(queues) :]),
            queues=lengths[: len(queues)],
            in_hand=in_hand,
        )


def _texts(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {field.decode(): value.decode() for field, value in fields.items()}
