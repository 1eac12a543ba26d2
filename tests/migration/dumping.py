"""Writes all keys of a server into a file that `old_store.py` reads; used by code of other commits, too.

The file has every key: its type, its time to live in ms (-1 for none), and what it holds, with all bytes in
base64; beside that when it was written, for a period past its retention cannot be asked about.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from redis import Redis


def dump(client: Redis, file: str, written_at: datetime) -> None:
    """Write the keys of a server into a file."""
    keys = [_dumped(client, key) for key in sorted(client.scan_iter())]
    with gzip.GzipFile(file, "wb", mtime=0) as out:
        out.write(json.dumps({"written_at": written_at.isoformat(), "keys": keys}).encode())
    print(len(keys), "keys")  # noqa: T201 - of a script


def _dumped(client: Any, key: bytes) -> list[Any]:
    kind = client.type(key).decode()
    read: dict[str, Callable[[], Any]] = {
        "string": lambda: _text(client.get(key)),
        "hash": lambda: [[_text(f), _text(v)] for f, v in sorted(client.hgetall(key).items())],
        "list": lambda: [_text(one) for one in client.lrange(key, 0, -1)],
        "set": lambda: [_text(one) for one in sorted(client.smembers(key))],
        "zset": lambda: [[_text(one), score] for one, score in client.zrange(key, 0, -1, withscores=True)],
        "stream": lambda: [
            [entry.decode(), [[_text(f), _text(v)] for f, v in fields.items()]]
            for entry, fields in client.xrange(key)
        ],
    }
    return [_text(key), kind, client.pttl(key), read[kind]()]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
