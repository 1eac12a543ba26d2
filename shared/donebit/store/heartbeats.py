"""When a worker and the sweep were last seen, so that /health can say it."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import cast

from redis import Redis, exceptions

from donebit import clock
from donebit.errors import ConfigurationError
from donebit.store.client import outages_named, refuse_database
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds
from donebit.store.server_client import primaries_of

log = logging.getLogger(__name__)

LIFE_SECONDS = 60  # what has not been seen for this long counts as gone


class HeartbeatStore:
    """Signs of life. Every method raises StoreUnavailable when the server cannot be reached."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def beat(self, of: str, now_ms: int) -> None:
        self._client.set(self._keys.heartbeat(of), now_ms, ex=LIFE_SECONDS)

    @outages_named
    def take_sweep(self, pause: timedelta) -> bool:
        """Whether to sweep now: no sweep has begun for this long, by the server's clock.

        If that was set back since the last sweep began, the key lives for too long, and does not count.
        """
        name, life_ms = self._keys.SWEEPING, milliseconds(pause)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.set(name, 1, px=life_ms, nx=True)
            pipe.pttl(name)
            made, left_ms = pipe.execute()
        return bool(made) or (left_ms > life_ms and bool(self._client.set(name, 1, px=life_ms)))

    @outages_named
    def server_us(self) -> int:
        """The time of the server's clock, in us since the epoch."""
        seconds, microseconds = self._client.time()
        return seconds * 1_000_000 + microseconds

    @outages_named
    def note_skew(self, worker: str, skew_ms: int, now_ms: int) -> None:
        """Note that a worker's clock is ahead of the server's (negative: late)."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hset(self._keys.SKEWS, worker, f"{skew_ms} {now_ms}")
            pipe.expire(self._keys.SKEWS, LIFE_SECONDS)
            pipe.execute()

    @outages_named
    def skews_ms(self, since_ms: int) -> dict[str, int]:
        """The workers whose clocks are noted since then, and by how much each is ahead."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.SKEWS))
        noted = {worker.decode(): [int(part) for part in text.split()] for worker, text in found.items()}
        until_ms = since_ms + milliseconds(clock.SET_BACK)  # what is later is of a clock that was set back
        return {worker: skew_ms for worker, (skew_ms, at_ms) in noted.items() if since_ms <= at_ms < until_ms}

    @outages_named
    def last_seen_ms(self, *of: str) -> list[int | None]:
        """When each was last seen, None for one not seen within a minute."""
        found = cast(list[bytes | None], self._client.mget([self._keys.heartbeat(name) for name in of]))
        return [None if value is None else int(value) for value in found]

    @outages_named
    def eviction_policy(self) -> str:
        """What the server drops when its memory is full; empty where it does not answer that.

        Of a cluster the policy of the first primary that drops something.

        Raises:
            ConfigurationError: the server has no database of the number asked for, or is a Sentinel.
        """
        refuse_database(self._client)
        policies = [_eviction_policy(primary) for primary in primaries_of(self._client)]
        return next((policy for policy in policies if policy not in ("noeviction", "")), policies[0])

    @outages_named
    def queue_lengths(self, queues: tuple[str, ...]) -> list[int]:
        """How many messages wait in each queue of the broker, where the broker is this server."""
        with self._client.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(self._keys.of_broker(queue))
            return cast(list[int], pipe.execute())


def _eviction_policy(primary: Redis) -> str:
    try:
        told = primary.info("everything")
    except exceptions.NoPermissionError:
        log.warning("the user in REDIS_URL may not run INFO, so maxmemory-policy is not checked")
        return ""
    except exceptions.ResponseError as error:
        if "unknown command" not in str(error):
            raise
        return ""  # fakeredis has no INFO
    if told.get("redis_mode") == "sentinel":
        raise ConfigurationError(
            "REDIS_URL names a Sentinel; write redis+sentinel://host:port/name/0, where name is what it "
            "calls the Redis server, or name that server itself"
        )
    return str(told.get("maxmemory_policy", ""))
