"""Takes a backup of a store that is in use, as of one moment.

All keys are read one after the other, and those that changed meanwhile again, until so few change that they
are read in one transaction. Its moment is that of the backup.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from donebit.backup.contents import count_kinds, is_answer, is_copied, read_entries
from donebit.backup.manifest import DATA, MANIFEST, Manifest
from donebit.backup.records import RecordWriter
from donebit.errors import Conflict
from donebit.store import Store
from donebit.store.change_tracking import ChangeTracker
from donebit.store.key_names import Keys
from donebit.store.key_reading import CHUNK_BYTES
from donebit.store.key_values import KeyHead
from donebit.store.layout import (
    LAYOUT_VERSION,
    PRESENT_LAYOUTS,
    UNFINISHED,
    LayoutVersion,
    found_layout,
)

BYTES_A_TRIP: Final = 8 * 1024 * 1024
# What the last transaction may read: the server answers nobody else meanwhile, 64 MB take about 0.1 s.
KEYS_AT_ONCE, BYTES_AT_ONCE = 5_000, 64 * 1024 * 1024
FEW_KEYS = 200
MOST_ROUNDS = 100
READABLE_LAYOUTS = (
    LayoutVersion.CASED,
    *PRESENT_LAYOUTS,
)  # `donebit migrate` moves the first after a restore


@dataclass(frozen=True, slots=True)
class TakenBackup:
    """A backup that was taken, and where it is."""

    folder: Path
    manifest: Manifest


def take_backup(store: Store, folder: Path, version: str, *, stopped: bool = False) -> TakenBackup:
    """Write a backup, and read it again.

    Args:
        folder: that the backup is to be; there is none of that name
        version: of Donebit
        stopped: nobody writes, so nothing has to be read as of one moment

    Raises:
        Conflict: the store cannot be backed up as it is.
        OSError: the folder cannot be written.
        StoreUnavailable: the server was lost; nothing is left.
    """
    refuse_cut_off(store)
    layout = checked_layout(store)
    with part_folder(folder) as part:
        with (part / DATA).open("wb") as file:
            if stopped:
                copy_stopped(store, RecordWriter(file))
            else:
                copy_at_one_moment(store, RecordWriter(file))
            file.flush()
            os.fsync(file.fileno())
        refuse_cut_off(store)
        moment = datetime.fromtimestamp(store.mover.now_ms() // 1000, UTC)
        manifest = describe(store, part, layout, version, moment, one_moment=not stopped)
        write_synced(part / MANIFEST, manifest.to_json() + "\n")
    return TakenBackup(folder, manifest)


def refuse_cut_off(store: Store) -> None:
    """Refuse a replica that has lost its primary: what it has is as old as that, or nothing yet.

    Raises:
        Conflict: it is one.
    """
    if store.server.is_cut_off():
        raise Conflict(
            "REDIS_URL names a replica that does not follow its primary now (master_link_status is down), so "
            "what it has may be old: nothing was backed up. Name the primary, or try again once it is up"
        )


def checked_layout(store: Store) -> int:
    """The number of the store's layout.

    Raises:
        Conflict: no version of Donebit could use what was restored from this store.
    """
    found = found_layout(store.mover, store.keys)
    if found == LayoutVersion.EMPTY:
        return LAYOUT_VERSION
    if found in UNFINISHED:
        raise Conflict(UNFINISHED[LayoutVersion(found)])
    if found not in READABLE_LAYOUTS:
        raise Conflict(
            f"this Redis holds data in layout {found}, and `donebit backup` copies layout {LAYOUT_VERSION}: "
            "take the server's own snapshot (docs/backup.md), then run `donebit migrate`"
        )
    return found


@contextmanager
def part_folder(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name, which gets its own name when all of it is on disk."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a backup that was killed
    folder.parent.mkdir(parents=True, exist_ok=True)
    part.mkdir(mode=0o700)  # it holds what the store does
    try:
        yield part
        sync_folder(part)
        part.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_synced(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_stopped(store: Store, writer: RecordWriter) -> None:
    """Copy every key once."""
    for names in new_pages(store):
        copy(store, names, writer)
    writer.close()


def copy_at_one_moment(store: Store, writer: RecordWriter) -> None:
    """Copy every key as it is at one moment.

    Raises:
        Conflict: the server does not say which keys change, or too much changes too quickly.
    """
    with store.tracker as tracker:
        changed: set[str] = set()
        for names in new_pages(store):
            copy(store, names, writer)
            changed |= tracker.changed()  # at each page, so that the server need not keep them
        catch_up(store, tracker, changed, writer)
    writer.close()


def catch_up(store: Store, tracker: ChangeTracker, changed: set[str], writer: RecordWriter) -> None:
    """Copy what changed since it was copied, the last of it in one transaction.

    Few keys at first, as little changes while few are read; more where that many change all the time.
    """
    at_once = FEW_KEYS
    for _ in range(MOST_ROUNDS):
        changed = {name for name in changed | tracker.changed() if is_copied(name)}
        if len(changed) > at_once or not fits_at_once(store, changed):
            copy(store, changed, writer)
            changed, at_once = set(), min(2 * at_once, KEYS_AT_ONCE)
            continue
        changed |= {name for name in tracker.changed() if is_copied(name)}
        found = tracker.read_at_once(sorted(changed))
        changed |= found.missed
        if not any(matters(name) for name in found.missed):
            for head, values in found.copies:
                writer.write_key(head, [values])
            return
    raise Conflict(
        f"more than {KEYS_AT_ONCE} keys or {BYTES_AT_ONCE >> 20} MB change while they are read, so "
        "nothing can be read as of one moment: try again when less is going on, or stop every service, "
        "worker and beat, and add --stopped"
    )


def matters(name: str) -> bool:
    """Whether a key that changed about the moment of the backup may not be missed.

    An answer under an Idempotency-Key may: each request has a new key, so that there would be no end to it.
    """
    return is_copied(name) and not is_answer(name)


def new_pages(store: Store) -> Iterator[set[str]]:
    """The names of all keys that are copied, each once."""
    known: set[str] = set()
    for page in store.reader.pages():
        names = {name for name in page if is_copied(name)} - known
        known |= names
        yield names


def fits_at_once(store: Store, names: set[str]) -> bool:
    return sum(head.memory for head in store.reader.heads(names)) <= BYTES_AT_ONCE


def copy(store: Store, names: Iterable[str], writer: RecordWriter) -> None:
    """Copy keys as they are, small ones many in a round trip, large ones in parts."""
    names = list(names)
    heads = store.reader.heads(names)
    for gone in set(names) - {head.name for head in heads}:
        writer.write_key(KeyHead(gone, "string", 0), [])
    waiting: list[KeyHead] = []
    size = 0
    for head in heads:
        if head.memory > CHUNK_BYTES:
            writer.write_key(head, store.reader.parts(head))
            continue
        waiting.append(head)
        size += head.memory
        if size >= BYTES_A_TRIP:
            copy_small(store, waiting, writer)
            waiting, size = [], 0
    copy_small(store, waiting, writer)


def copy_small(store: Store, heads: list[KeyHead], writer: RecordWriter) -> None:
    for head, values in zip(heads, store.reader.whole(heads) if heads else [], strict=True):
        writer.write_key(head, [values])


def describe(
    store: Store, folder: Path, layout: int, version: str, moment: datetime, *, one_moment: bool
) -> Manifest:
    """The manifest of what was written, by reading it again."""
    data = folder / DATA
    entries = read_entries(data)
    return Manifest(
        taken_at=moment.isoformat().replace("+00:00", "Z"),
        one_moment=one_moment,
        layout=layout,
        zone=zone_of(store, store.keys),
        key_prefix=store.keys.prefix,
        server=store.reader.server(),
        donebit=version,
        bytes=data.stat().st_size,
        sha256=checksum(data),
        kinds=count_kinds(entries.values()),
    )


def zone_of(store: Store, keys: Keys) -> str | None:
    """Where the store's days begin."""
    (text,) = store.mover.texts([keys.LAYOUT])
    return text.partition("zone=")[2] or None if text else None


def checksum(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
