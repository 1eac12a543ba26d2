"""Stores of older layouts as the commits before the next one wrote them, put on a server."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from fakeredis import FakeRedis
from redis import Redis
from redis.client import Pipeline

FILE = Path(__file__).with_name("layout_3.json.gz")
WRITTEN: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
LAYOUT_4: dict[str, Any] = json.loads(gzip.decompress(FILE.with_name("layout_4.json.gz").read_bytes()))
LAYOUT_5: dict[str, Any] = json.loads(gzip.decompress(FILE.with_name("layout_5.json.gz").read_bytes()))
UNSHARDED: dict[str, Any] = json.loads(gzip.decompress(FILE.with_name("unsharded.json.gz").read_bytes()))
RUNS_IN_ONE_KEY: dict[str, Any] = json.loads(
    gzip.decompress(FILE.with_name("runs_in_one_key.json.gz").read_bytes())
)
WRITTEN_AT = datetime.fromisoformat(WRITTEN["written_at"])


def load_old_store(client: Redis, written: dict[str, Any] = WRITTEN) -> None:
    """Write every key of the file, with its time to live counted from now."""
    with client.pipeline(transaction=False) as pipe:
        for name, kind, ttl_ms, held in written["keys"]:
            write(pipe, b64decode(name), kind, held)
            if ttl_ms >= 0:
                pipe.pexpire(b64decode(name), ttl_ms)
        pipe.execute()


@contextmanager
def on_fakeredis(written: dict[str, Any]) -> Iterator[Redis]:
    """A server with every key of the file alone."""
    with FakeRedis(version=(7, 0)) as client:
        load_old_store(client, written)
        yield client


def write(pipe: Pipeline, name: bytes, kind: str, held: Any) -> None:
    match kind:
        case "string":
            pipe.set(name, b64decode(held))
        case "hash":
            pipe.hset(name, mapping=fields(held))
        case "list":
            pipe.rpush(name, *map(b64decode, held))
        case "set":
            pipe.sadd(name, *map(b64decode, held))
        case "zset":
            pipe.zadd(name, {b64decode(member): score for member, score in held})
        case "stream":
            for entry, pairs in held:
                pipe.xadd(name, fields(pairs), id=entry)
        case _:
            raise AssertionError(f"{name!r} is a {kind}")


def fields(pairs: list[list[str]]) -> Any:
    return {b64decode(field): b64decode(value) for field, value in pairs}
