"""What is written to the append-only file of a server that several tests share."""

from __future__ import annotations

from collections.abc import Callable

from fakeredis import FakeRedis
from redis import Redis

TRIES = 10


def appended_by(client: Redis, act: Callable[[], object]) -> int:
    """How many bytes are appended each time that something is done; 0 on fakeredis, which has no such file.

    The fewest of some times: keys that earlier tests have left expire meanwhile, which is written there too.
    """
    fewest = _size(client)
    for _ in range(TRIES):
        before = _size(client)
        act()
        fewest = min(fewest, _size(client) - before)
        if not fewest:
            break
    return fewest


def _size(client: Redis) -> int:
    return 0 if isinstance(client, FakeRedis) else int(client.info("persistence")["aof_current_size"])
