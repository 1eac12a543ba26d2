"""Cuts the directories of a store in shards, as those of a new store on a cluster are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from donebit.errors import Conflict
from donebit.migration.run import refuse_alive, unknown_layout
from donebit.store import Store
from donebit.store.directory_cutting import BUCKETS_A_CALL
from donebit.store.id_shards import BUCKET, OF_A_CLUSTER, Directory
from donebit.store.key_names import Keys
from donebit.store.layout import CUTTING_TEXT, LAYOUT_VERSION, LayoutVersion, found_layout, in_shards

WHAT: Final = {Keys.TEXT_USERS: "users with text ids", Keys.MAPPED_USERS: "users with mapped ids"}


@dataclass(frozen=True, slots=True)
class Cut:
    """What was found and done.

    Attributes:
        found: the number of the layout that the store had, 0 for an empty store
        before: how many users there were, in shards or not
        after: how many are in shards; empty where nothing was done
    """

    found: int
    before: Mapping[str, int]
    after: Mapping[str, int]


def shard_directories(store: Store, *, dry_run: bool = False, force: bool = False) -> Cut:
    """Cut the directories in shards, from where an interrupted run left them.

    Args:
        dry_run: count the users, and change nothing
        force: although a worker or the sweep was seen a moment ago

    Raises:
        Conflict: a worker is alive, the layout is an older one, or there were ids without a place.
        StoreUnavailable: the server was lost; the same again goes on.
    """
    found = found_layout(store.mover, store.keys)
    if found in (LayoutVersion.SHARDED, LayoutVersion.EMPTY):
        return Cut(found, {}, {})
    if found in (LayoutVersion.UNPREFIXED, LayoutVersion.CASED):
        raise Conflict(f"the store has layout {found}: run `donebit migrate` first; nothing was changed")
    if found not in (LAYOUT_VERSION, LayoutVersion.BEING_CUT):
        raise Conflict(unknown_layout(found))
    if not (force or dry_run):
        refuse_alive(store.mover, store.keys, unprefixed=False)
    directories = {name: Directory(name, OF_A_CLUSTER) for name in WHAT}
    before = {WHAT[name]: store.cutting.count([name, *one.names]) for name, one in directories.items()}
    if dry_run:
        return Cut(found, before, {})
    (text,) = store.mover.texts([store.keys.LAYOUT])
    layout = (text or "").removeprefix(CUTTING_TEXT)
    store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, CUTTING_TEXT + layout)
    for directory in directories.values():
        cut(store, directory)
    after = {WHAT[name]: store.cutting.count(one.names) for name, one in directories.items()}
    store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, in_shards(layout, OF_A_CLUSTER))
    return Cut(found, before, after)


def cut(store: Store, directory: Directory) -> None:
    """Cut one directory in shards, unless that is done."""
    given = store.cutting.given(directory)
    if given is None:
        return
    store.cutting.begin(directory, given)
    last = -(-given // BUCKET)
    for first in range(0, last, BUCKETS_A_CALL):
        store.cutting.move(directory, range(first, min(first + BUCKETS_A_CALL, last)))
    store.cutting.end(directory)
