"""Carries a migration out: what it refuses, the order of its renames, and what it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from donebit.errors import Conflict
from donebit.migration import from_layout_3 as step
from donebit.migration import from_layout_4
from donebit.migration.from_layout_3 import Ambiguous
from donebit.migration.from_layout_4 import Lowered
from donebit.migration.tasks_into_shards import move_into_shards, names_of_all_shards, needs_shards
from donebit.store import Store
from donebit.store.key_names import Keys
from donebit.store.layout import (
    LAYOUT_VERSION,
    PRESENT_LAYOUTS,
    UNFINISHED,
    LayoutVersion,
    found_layout,
)
from donebit.store.moving import KeyMover, Renamed

NO_UUIDS = Lowered(0, 0)
OLDER = (LayoutVersion.UNPREFIXED, LayoutVersion.CASED)
PRESENT = (*PRESENT_LAYOUTS, LayoutVersion.EMPTY, LayoutVersion.TASKS_BEING_SHARDED)
ALIVE = timedelta(seconds=30)  # a worker says every few seconds that it is there


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration found and did.

    Attributes:
        found: the number of the layout the store had, 0 for an empty store
        before: how many of each thing there were, under either name
        after: how many there are under the new names; empty where nothing was done
        keys: how many keys were renamed, or would be
        lowered: UUIDs in capitals, and how many of them were merged with those in lower case, or would be
        sharded: how many entries of the indexes of tasks were moved into shards, or would be
    """

    found: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    keys: int
    lowered: Lowered = NO_UUIDS
    sharded: int = 0


def migrate(store: Store, *, dry_run: bool = False, force: bool = False) -> Migrated:
    """Move a store to the present layout, from where an interrupted migration left it.

    Args:
        dry_run: count what there is to do, and change nothing
        force: although a worker or the sweep was seen a moment ago

    Raises:
        Conflict: a worker is alive, the layout is not one that can be moved, or a new name is taken.
        StoreUnavailable: the server was lost; the same again goes on.
    """
    mover, keys = store.mover, store.keys
    found = found_layout(mover, keys)
    if found not in (*OLDER, *PRESENT):
        raise Conflict(unknown_layout(found))
    into_shards = needs_shards(store)
    if found in PRESENT and not into_shards:
        return Migrated(found, {}, {}, 0)
    unprefixed = found == LayoutVersion.UNPREFIXED
    if not (force or dry_run):
        refuse_alive(mover, keys, unprefixed=unprefixed)
    before = counts(mover, keys, both=unprefixed)
    moved, lowered = 0, NO_UUIDS
    if found in OLDER:
        moved, lowered = to_present(store, unprefixed=unprefixed, dry_run=dry_run)
    sharded = move_into_shards(store, dry_run=dry_run) if into_shards else 0
    return Migrated(found, before, {} if dry_run else counts(mover, keys), moved, lowered, sharded)


def to_present(store: Store, *, unprefixed: bool, dry_run: bool) -> tuple[int, Lowered]:
    """Move an older store to the present layout; how many keys, and which UUIDs."""
    moved = move(store.mover, store.keys, dry_run=dry_run) if unprefixed else 0
    numbers = old_numbers(store.mover) if unprefixed and dry_run else None
    lowered = from_layout_4.lower_uuids(store, dry_run=dry_run, numbers=numbers)
    if not dry_run:
        finish(store.mover, store.keys)
    return moved, lowered


def old_numbers(mover: KeyMover) -> str | None:
    """The directory of texts under its old name; None where an interrupted migration has moved it."""
    name = Keys("").numbers(Keys.TEXT_USERS)
    return name if mover.size(name) else None


def unknown_layout(found: int) -> str:
    """Why a store cannot be moved on, in a sentence."""
    if found in UNFINISHED:
        return UNFINISHED[LayoutVersion(found)]
    if found == LayoutVersion.UNKNOWN:
        return "the store names a layout that no version of Donebit writes: nothing was changed"
    if found > LAYOUT_VERSION:
        return (
            f"the store has layout {found}, of a later version of Donebit than this one, "
            f"which writes layout {LAYOUT_VERSION}: nothing was changed"
        )
    return (
        f"the store has layout {found}, which cannot be moved on: export its events and import them into a "
        "new one (docs/backup.md)"
    )


def refuse_alive(mover: KeyMover, keys: Keys, *, unprefixed: bool) -> None:
    """Refuse to rename keys under a worker.

    Args:
        unprefixed: look under the old names too, which a user kept to the prefix may not read

    Raises:
        Conflict: a worker or the sweep was seen within half a minute.
    """
    names = (*(step.HEARTBEATS if unprefixed else ()), keys.heartbeat("worker"), keys.heartbeat("sweep"))
    seen = [int(text) for text in mover.texts(names) if text is not None]
    age_s = (mover.now_ms() - max(seen)) / 1000 if seen else ALIVE.total_seconds()
    if age_s < ALIVE.total_seconds():
        raise Conflict(
            f"a worker or the sweep was seen {max(age_s, 0):.0f} s ago: stop every service, worker and beat, "
            f"and try again after {ALIVE.total_seconds():.0f} s; --force if you are sure that none runs"
        )


def move(mover: KeyMover, keys: Keys, *, dry_run: bool) -> int:
    """Rename every key, those that mark an older store last; how many."""
    known = Ambiguous(
        frozenset(mover.names_in("seen:events") | mover.names_in(keys.EVENTS)),
        frozenset(mover.names_in("flag:names") | mover.names_in(keys.FLAGS)),
    )
    moved = 0
    for page in mover.pages():
        moved += move_keys(mover, keys, known, [n for n in page if n not in step.LAST], dry_run=dry_run)
    for name in step.LAST:
        moved += move_keys(mover, keys, known, [name], dry_run=dry_run)
    return moved + move_layout(mover, keys, dry_run=dry_run)


def move_keys(mover: KeyMover, keys: Keys, known: Ambiguous, names: Iterable[str], *, dry_run: bool) -> int:
    """Rename those keys that are Donebit's; how many.

    Raises:
        Conflict: there is a key under a new name already.
    """
    old = list(names)
    new = [step.new_name(name, kind, keys, known) for name, kind in zip(old, mover.types(old), strict=True)]
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if b is not None]
    if dry_run or not pairs:
        return len(pairs)
    outcomes = mover.rename(pairs)
    taken = [pair for pair, outcome in zip(pairs, outcomes, strict=True) if outcome is Renamed.OCCUPIED]
    if taken:
        raise Conflict(
            f"both {taken[0][0]} and {taken[0][1]} exist, and neither was changed: rename or drop the one "
            "that is not Donebit's, and run `donebit migrate` again"
        )
    return outcomes.count(Renamed.MOVED)


def move_layout(mover: KeyMover, keys: Keys, *, dry_run: bool) -> int:
    """Say that the store has layout 4, when all of it has been renamed; how many keys that moved."""
    (text,) = mover.texts([step.LAYOUT])
    if text is None:
        return 0
    if not dry_run:
        mover.replace_text(step.LAYOUT, keys.LAYOUT, f"{LayoutVersion.CASED:d} {text.partition(' ')[2]}")
    return 1


def finish(mover: KeyMover, keys: Keys) -> None:
    """Say that the store has the present layout, as the last act of all."""
    (text,) = mover.texts([keys.LAYOUT])
    if text is not None:
        mover.replace_text(keys.LAYOUT, keys.LAYOUT, f"{LAYOUT_VERSION} {text.partition(' ')[2]}")


def counts(mover: KeyMover, keys: Keys, *, both: bool = False) -> dict[str, int]:
    """How many of each thing there are under the new names, or under both."""
    return {
        what: sum(map(mover.size, names_now(keys, new))) + (mover.size(old) if both else 0)
        for what, (old, new) in step.inventory(keys).items()
    }


def names_now(keys: Keys, name: str) -> list[str]:
    """The keys that hold what a key of layout 5 does."""
    return names_of_all_shards(name) if name in keys.of_all_tasks() else [name]
