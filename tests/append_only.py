"""What is written to the append-only file of a server."""

from __future__ import annotations

from collections.abc import Callable

from fakeredis import FakeRedis
from redis import Redis

from tests.started import eventually


def appended_by(client: Redis, act: Callable[[], object]) -> int:
    """How many bytes are appended when something is done; 0 on fakeredis, which has no such file."""
    before = _size(client)
    act()
    return _size(client) - before


def _size(client: Redis) -> int:
    if isinstance(client, FakeRedis):
        return 0
    # While the disk is slow, what was written before waits in a buffer.
    eventually(lambda: client.info("persistence")["aof_buffer_length"] == 0)
    return int(client.info("persistence")["aof_current_size"])
