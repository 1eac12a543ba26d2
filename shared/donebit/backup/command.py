"""What `donebit backup` and `donebit restore` call, with the store that the settings name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from donebit import clock, redis_url
from donebit.backup.manifest import MANIFEST
from donebit.backup.restoring import OpenedBackup, RestoredBackup, open_backup, restore_backup
from donebit.backup.running import refuse_running
from donebit.backup.server_copy import ServerCopy, find_server_copy, server_on
from donebit.backup.taking import TakenBackup, take_backup
from donebit.config import Settings
from donebit.errors import BadBackup, Conflict
from donebit.store import Store
from donebit.store.store import refusals_as_configuration

TIMEOUT = timedelta(seconds=60)  # a trip reads or writes up to 64 MB


@refusals_as_configuration()
def back_up(settings: Settings, target: Path, *, stopped: bool) -> TakenBackup:
    """Take a backup; raises as `take_backup` does.

    Args:
        target: what the backup is to be, or a folder that it is to be in
    """
    folder = target
    if target.is_dir():
        folder = target / f"donebit-{clock.now():%Y-%m-%dT%H%M%SZ}"
    if folder.exists():
        raise Conflict(f"{folder} exists: a backup is a new folder")
    store = opened(settings.redis_url, settings)
    if store.server.is_cluster():
        raise Conflict(
            "REDIS_URL names a cluster, which has no one moment to back up: keep the files of each primary "
            "(docs/cluster.md)"
        )
    if stopped:
        refuse_running(store, unless="")
    return take_backup(store, folder.absolute(), version("donebit"), stopped=stopped)


@refusals_as_configuration()
def restore(settings: Settings, source: Path, *, dry_run: bool, force: bool) -> RestoredBackup:
    """Restore a backup, or a server's own copy.

    Raises:
        BadBackup: it is none, is damaged, or the store does not hold afterwards what it does.
        Conflict: the store is not empty, or is in use.
        StoreUnavailable: the server was lost; the same again goes on.
    """
    store = opened(settings.redis_url, settings)
    with as_backup(settings, source) as backup:
        return restore_backup(store, backup, dry_run=dry_run, force=force)


@contextmanager
def as_backup(settings: Settings, source: Path) -> Iterator[OpenedBackup]:
    """What is at a path, as a backup that was read through."""
    if (source / MANIFEST).is_file():
        yield open_backup(source)
        return
    copy = find_server_copy(source)
    if copy is None:
        raise BadBackup(
            f"{source} is no backup: it must be a folder that `donebit backup` made, a server's dump.rdb, "
            "its appendonlydir, or a folder with one of them"
        )
    with tempfile.TemporaryDirectory(prefix="donebit-") as folder:
        yield converted(settings, copy, Path(folder, "backup"))


def converted(settings: Settings, copy: ServerCopy, folder: Path) -> OpenedBackup:
    """A server's own copy as a backup."""
    database = redis_url.read(settings.redis_url).database
    with server_on(copy, database) as loaded:
        taken = take_backup(opened(loaded.url, settings), folder, version("donebit"), stopped=True)
    if not taken.manifest.kinds:
        raise Conflict(
            f"{copy.path} has nothing of Donebit in database {database} under {settings.key_prefix}: "
            "nothing was changed"
        )
    return replace(open_backup(folder), cut_short=loaded.cut_short)


def opened(url: str, settings: Settings) -> Store:
    return Store.at(url, prefix=settings.key_prefix, connections=4, timeout=TIMEOUT)
