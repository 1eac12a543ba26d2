"""Restores a backup into an empty store, and counts what is there afterwards.

While it is under way the store's layout says so, and services refuse to start. Killed at any point it is
begun again by the same command: each key is dropped before it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from donebit.backup.contents import (
    IDS,
    LOG,
    NUMBERS,
    KeyEntry,
    KindCount,
    count_kinds,
    entry_of,
    numbers_of,
    read_entries,
    row_to_keep,
    summary,
)
from donebit.backup.manifest import DATA, Manifest
from donebit.backup.records import END_OF_KEY, GONE, KEY, VALUES, Frame, read_frames
from donebit.backup.running import refuse_running
from donebit.backup.taking import READABLE_LAYOUTS, checksum
from donebit.errors import BadBackup, Conflict
from donebit.formatting import number
from donebit.migration.tasks_into_shards import move_into_shards, needs_shards
from donebit.store import Store
from donebit.store.id_shards import BUCKET
from donebit.store.key_values import NEVER, KeyHead
from donebit.store.layout import (
    LAYOUT_VERSION,
    PRESENT_LAYOUTS,
    RESTORING_TEXT,
    SHARDING_TASKS,
    UNFINISHED,
    LayoutVersion,
    found_layout,
)

LAYOUT_KEY, SHARDS_KEY, ZONE_RULES_KEY = "layout", "done:shards", "zone_rules"
# A service or worker that has been started on an empty store leaves these.
OF_AN_EMPTY_STORE = frozenset((LAYOUT_KEY, SHARDS_KEY, ZONE_RULES_KEY, LOG))
KEYS_A_TRIP = 1000
NAMED = 3  # keys that differ


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup that was read through and is whole.

    Attributes:
        cut_short: whether it was made from a server's append-only file that ends within a command
    """

    folder: Path
    manifest: Manifest
    entries: Mapping[str, KeyEntry]
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """What a restore did.

    Attributes:
        counts: of the backup, what people count
        restored: the same of the store; empty after a dry run
        expired: keys that have expired since the backup was taken, and are not restored
        migrate: whether the layout is an earlier one
        sharded: how many entries of the indexes of tasks were moved into shards, as they are on a cluster
        cut_short: as of the backup
    """

    manifest: Manifest
    counts: Mapping[str, int]
    restored: Mapping[str, int]
    expired: int
    migrate: bool
    sharded: int = 0
    cut_short: bool = False


def open_backup(folder: Path) -> OpenedBackup:
    """Read a backup through.

    Raises:
        BadBackup: it is damaged, cut short, or not what its manifest says.
        Conflict: its layout is one that this version cannot restore.
    """
    manifest = Manifest.read(folder)
    data = folder / DATA
    if not data.is_file() or data.stat().st_size != manifest.bytes:
        held = data.stat().st_size if data.is_file() else 0
        raise BadBackup(
            f"{data} has {number(held)} bytes, and {number(manifest.bytes)} were written: the copy is "
            "not whole, and nothing was restored"
        )
    if checksum(data) != manifest.sha256:
        raise BadBackup(f"{data} is damaged (its SHA-256 is another): nothing was restored")
    if manifest.layout not in READABLE_LAYOUTS:
        raise Conflict(
            f"the backup has layout {manifest.layout}, and this version restores layout {LAYOUT_VERSION}: "
            "restore it with the version that took it, then run `donebit migrate` of this one; nothing was "
            "changed"
        )
    entries = read_entries(data)
    if count_kinds(entries.values()) != manifest.kinds:
        raise BadBackup(f"{data} does not hold what the manifest beside it says: nothing was restored")
    return OpenedBackup(folder, manifest, entries)


def restore_backup(
    store: Store, backup: OpenedBackup, *, dry_run: bool = False, force: bool = False
) -> RestoredBackup:
    """Write a backup into a store, and compare.

    Args:
        dry_run: check both, and change nothing
        force: although a service or a worker was seen a moment ago

    Raises:
        Conflict: the store is not empty, or is in use.
        BadBackup: the store does not hold afterwards what the backup does.
        StoreUnavailable: the server was lost; the same again goes on.
    """
    marker = f"{RESTORING_TEXT}{backup.manifest.sha256}"
    refuse_unfit_target(store, marker)
    if not force:
        refuse_running(store)
    manifest, cut_short = backup.manifest, backup.cut_short
    migrate = manifest.layout not in PRESENT_LAYOUTS
    if dry_run:
        return RestoredBackup(manifest, manifest.counts, {}, 0, migrate, cut_short=cut_short)
    store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, marker)
    layout = write_keys(store, backup)
    expired, restored = verified(store, backup)
    if not force:
        refuse_running(store)
    into_shards = not migrate and needs_shards(store)
    finish(store, f"{SHARDING_TASKS} {layout}" if into_shards else layout)
    sharded = move_into_shards(store, dry_run=False) if into_shards else 0
    counts = summary(restored)
    return RestoredBackup(manifest, manifest.counts, counts, expired, migrate, sharded, cut_short)


def refuse_unfit_target(store: Store, marker: str) -> None:
    """Refuse a store that holds anything, but for a part of this backup.

    Raises:
        Conflict: naming what is there.
    """
    found = found_layout(store.mover, store.keys)
    if found == LayoutVersion.RESTORING:
        if store.mover.texts([store.keys.LAYOUT]) == [marker]:
            return
        raise Conflict(
            "this Redis holds a part of another backup, whose restore has not ended: run that one again, or "
            f"empty the store: {how_to_empty(store)}"
        )
    if found in UNFINISHED:
        raise Conflict(UNFINISHED[LayoutVersion(found)])
    there = {name: entry for name, entry in entries_of(store) if name not in OF_AN_EMPTY_STORE}
    if there or found not in (LayoutVersion.EMPTY, *PRESENT_LAYOUTS):
        raise Conflict(
            f"this Redis is not empty: {named(count_kinds(there.values()), found)}; nothing was changed. "
            f"Restore into an empty one, or empty it: {how_to_empty(store)}"
        )


def named(kinds: Mapping[str, KindCount], layout: int) -> str:
    """What a store holds, for a sentence."""
    counts = [f"{what} {number(count)}" for what, count in summary(kinds).items() if count]
    return ", ".join(counts) if counts else f"it has layout {layout} of Donebit"


def how_to_empty(store: Store) -> str:
    everything = "`redis-cli FLUSHDB` where nothing else is in its database"
    return f"{everything}, else delete the keys of {store.keys.prefix}*"


def entries_of(store: Store) -> Iterable[tuple[str, KeyEntry]]:
    """The keys of a store that belong into a backup, by name; one may come twice."""
    for page in store.reader.pages():
        heads = store.reader.heads(name for name in page if row_to_keep(name))
        counts = store.reader.counts(heads) if heads else []
        for head, elements in zip(heads, counts, strict=True):
            if entry := entry_of(head, elements):
                yield head.name, entry


def write_keys(store: Store, backup: OpenedBackup) -> str:
    """Write every key but the layout, whose text is returned; empty where there is none."""
    layout, now_ms, writes = "", store.mover.now_ms(), Writing(store)
    for name, entry in backup.entries.items():
        if entry.pattern == NUMBERS:
            writes.drop(name)
    for name in OF_AN_EMPTY_STORE - {LAYOUT_KEY}:
        writes.drop(name)
    for frame in latest_frames(backup):
        if frame.head.name == LAYOUT_KEY:
            layout += b"".join(frame.values).decode()
        elif not 0 < frame.head.expires_ms <= now_ms:
            writes.take(frame)
        elif frame.letter == KEY:  # a killed restore may have left it without its time of expiry
            writes.drop(frame.head.name)
    store.writer.flush()
    return layout


def latest_frames(backup: OpenedBackup) -> Iterator[Frame]:
    """The frames of each key as it was written last."""
    place, is_latest = 0, False
    for frame in read_frames(backup.folder / DATA):
        if frame.letter == KEY:
            place += 1
            entry = backup.entries.get(frame.head.name)
            is_latest = entry is not None and entry.place == place
        if is_latest and frame.letter != GONE:
            yield frame


class Writing:
    """Writes the frames of a backup, and the numbers of the ids in it."""

    def __init__(self, store: Store) -> None:
        self._writer = store.writer
        self._place = 0  # of the next id in its bucket

    def drop(self, name: str) -> None:
        """Drop a key that is made from others, or that may be there and not in the backup."""
        self._writer.begin(KeyHead(name, "hash", NEVER))

    def take(self, frame: Frame) -> None:
        """Write what a frame says."""
        head = frame.head
        if frame.letter == KEY:
            self._place = 0
            self._writer.begin(head)
        elif frame.letter == VALUES:
            self._writer.write(head, frame.values)
            self._number(head, frame.values)
        elif frame.letter == END_OF_KEY:
            self._writer.end(head)

    def _number(self, head: KeyHead, values: list[bytes]) -> None:
        row = row_to_keep(head.name)
        if row is None or row.pattern != IDS:
            return
        first = int(head.name.rpartition(":")[2]) * BUCKET + self._place
        self._place += len(values)
        for name, places in numbers_of(head.name, values):
            fields = [
                part for place in places for part in (values[place], (first + place).to_bytes(4, "little"))
            ]
            self._writer.write(KeyHead(name, "hash", NEVER), fields)


def verified(store: Store, backup: OpenedBackup) -> tuple[int, dict[str, KindCount]]:
    """Compare each key of the store with the backup.

    Returns:
        How many keys have expired since, and what there is by pattern.

    Raises:
        BadBackup: a key differs, or is there and not in the backup.
    """
    there = {name: entry for name, entry in entries_of(store) if name != LAYOUT_KEY}
    there |= {name: entry for name, entry in backup.entries.items() if name == LAYOUT_KEY}  # written last
    now_ms = store.mover.now_ms()
    missing = {name: entry for name, entry in backup.entries.items() if name not in there}
    lost = {name for name, entry in missing.items() if not 0 < entry.expires_ms <= now_ms}
    differing = {
        name
        for name, entry in there.items()
        if entry._replace(place=0) != backup.entries.get(name, entry)._replace(place=0)
    }
    wrong = sorted(lost | differing | (set(there) - set(backup.entries)))
    if wrong:
        raise BadBackup(
            f"{number(len(wrong))} of {number(len(backup.entries))} keys are not as in the backup, such as "
            f"{', '.join(wrong[:NAMED])}: something else writes to this store; stop it, and restore again"
        )
    return len(missing) - len(lost), count_kinds(there.values())


def finish(store: Store, layout: str) -> None:
    """Say that the store has the layout of the backup, as the last act of all."""
    if layout:
        store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, layout)
    else:
        store.writer.begin(KeyHead(LAYOUT_KEY, "string", NEVER))
        store.writer.flush()
