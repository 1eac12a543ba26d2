"""Stores to back up, and `donebit backup` and `donebit restore` as processes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from redis import Redis

from donebit.backup.contents import ROWS, row_to_keep
from donebit.backup.restoring import RestoredBackup, open_backup, restore_backup
from donebit.backup.taking import TakenBackup, take_backup
from donebit.migration.run import migrate
from donebit.store import Store
from donebit.store.catalogue_rows import ROWS as CATALOGUE
from donebit.store.catalogue_rows import KeyRow, Ttl
from donebit.store.store import WORKER_TIMEOUT
from tests.activity.arranged import record
from tests.conftest import everything
from tests.forked import run_module
from tests.migration.old_store import load_old_store
from tests.servers import RunningServer

REPOSITORY = Path(__file__).parents[2]
IN_ANGLES = {"period": "2026-11", "users": "texts", "delivery": "webhook", "segment": "0", "level": "1"}
IN_ANGLES |= {"second": "1", "seconds": "600", "directory": "mapped", "bucket": "0", "generation": "0a"}
IN_ANGLES |= {"shard": "0"}


def store_of(server: RunningServer, prefix: str = "donebit:") -> Store:
    return Store.at(server.url, prefix=prefix, connections=4, timeout=WORKER_TIMEOUT)


def fill(server: RunningServer) -> None:
    """Leave something of every kind of key that a backup has: tasks, activity, flags, permissions, a log."""
    server.client.flushall()
    load_old_store(server.client)
    migrate(store_of(server), force=True)
    server.client.delete("donebit:heartbeat:worker", "donebit:heartbeat:sweep", "donebit:heartbeat:workers")
    record(store_of(server), range(3000), "active")


def fill_every_kind(server: RunningServer) -> set[str]:
    """Fill a server, and add what it lacks of each kind of key in the catalogue; their patterns."""
    fill(server)
    there = {ROWS.row_of(name.decode(errors="replace")) for name in held(server.client)}
    kept = {row for row in CATALOGUE if row_to_keep(example_of(row))}
    for row in sorted(kept - there):
        add_key(server.client, f"donebit:{example_of(row)}", row)
    return {row.pattern for row in kept}


def example_of(row: KeyRow) -> str:
    """A name that a row describes."""
    return re.sub(r"<(\w+)>", lambda found: IN_ANGLES.get(found[1], f"a-{found[1]}"), row.pattern)


def add_key(client: Redis, name: str, row: KeyRow) -> None:
    """Add a key of a row, with some elements of a row's type that together take some kilobytes."""
    values = [f"{n}-{'x' * 100}".encode() for n in range(40)]
    if row.redis_type == "string":
        client.set(name, b"".join(values))
    elif row.redis_type == "hash":
        client.hset(name, mapping={value[:5]: value for value in values})
    elif row.redis_type == "zset":
        client.zadd(name, {value: n / 3 for n, value in enumerate(values)})
    elif row.redis_type == "list":
        client.rpush(name, *values)
    elif row.redis_type == "set":
        client.sadd(name, *values)
    else:
        for n, value in enumerate(values):
            client.xadd(name, {"z": value}, id=f"{n + 1}-0")
    if row.ttl is Ttl.EXPIRES:
        client.expire(name, 1000)


def take(server: RunningServer, folder: Path, *, stopped: bool = False) -> TakenBackup:
    return take_backup(store_of(server), folder, "0", stopped=stopped)


def restore(server: RunningServer, folder: Path, *, force: bool = False) -> RestoredBackup:
    return restore_backup(store_of(server), open_backup(folder), force=force)


def held(client: Redis, prefix: str = "donebit:") -> dict[bytes, tuple[object, int]]:
    """What the keys that a backup has hold, and when they expire."""
    return {
        key.removeprefix(prefix.encode()): (value, client.pexpiretime(key.decode()))
        for key, value in everything(client).items()
        if key.startswith(prefix.encode())
        and row_to_keep(key.decode(errors="surrogateescape").removeprefix(prefix))
    }


def run(server: RunningServer, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `donebit` on a server."""
    return run_module("donebit.command_line", arguments, REPOSITORY, environment_of(server) | settings)


def environment_of(server: RunningServer) -> dict[str, str]:
    """What `donebit` finds there for this server."""
    return os.environ | {"REDIS_URL": server.url, "KEY_PREFIX": "", "ZONE": ""}
