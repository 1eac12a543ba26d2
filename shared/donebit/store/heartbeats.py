"""When a worker and the sweep were last seen, so that /health can say it."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import cast

from redis import Redis, exceptions

from donebit import clock
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.store.client import outages_named, refuse_database
from donebit.store.key_names import Keys

log = logging.getLogger(__name__)

WRITE_CHECKED_EVERY_SECONDS = 1.0
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
    def last_seen_ms(self, *of: str) -> list[int | None]:
        """When each was last seen, None for one not seen within a minute."""
        found = cast(list[bytes | None], self._client.mget([self._keys.heartbeat(name) for name in of]))
        return [None if value is None else int(value) for value in found]

    @outages_named
    def eviction_policy(self) -> str:
        """What the server drops when its memory is full; empty where it does not answer that.

        Raises:
            ConfigurationError: the server has no database of the number asked for, or is a Sentinel.
        """
        refuse_database(self._client)
        try:
            told = self._client.info("everything")
        except exceptions.NoPermissionError:
            log.warning("REDIS_URL's user may not INFO: nothing checks that maxmemory-policy is noeviction")
            return ""
        except exceptions.ResponseError as error:
            if "unknown command" not in str(error):
                raise
            return ""  # fakeredis has no INFO
        if told.get("redis_mode") == "sentinel":
            raise ConfigurationError("REDIS_URL names a Sentinel; it must name the Redis server itself")
        return str(told.get("maxmemory_policy", ""))

    @outages_named
    def queue_lengths(self, queues: tuple[str, ...]) -> list[int]:
        """How many messages wait in each queue of the broker, where the broker is this server."""
        with self._client.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(self._keys.of_broker(queue))
            return cast(list[int], pipe.execute())

    @outages_named
    def messages_in_hand(self) -> int:
        """How many messages workers have taken and not finished; Celery's broker keeps them in one hash."""
        return self._client.hlen(self._keys.of_broker("unacked"))


class WriteCheck:
    """Whether the server takes writes: one that only answers questions is no server for marks.

    A process writes at most once a second, however often it is asked.
    """

    def __init__(self, store: HeartbeatStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._checked_at = float("-inf")
        self._refusal: StoreUnavailable | None = None

    def check(self) -> None:
        """Write, or say again what the write of this second was answered.

        Raises:
            StoreUnavailable: the server cannot be reached, or takes no writes.
        """
        with self._lock:
            if monotonic() - self._checked_at >= WRITE_CHECKED_EVERY_SECONDS:
                self._refusal = self._write()
                self._checked_at = monotonic()
        if self._refusal is not None:
            raise self._refusal

    def _write(self) -> StoreUnavailable | None:
        try:
            self._store.beat("health", clock.now_ms())
        except StoreUnavailable as error:
            return error
        return None
