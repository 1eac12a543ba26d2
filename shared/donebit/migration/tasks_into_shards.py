"""On a cluster, from one key for each index of all tasks to as many as a store has that is new there."""

from __future__ import annotations

from donebit.store import Store
from donebit.store.key_names_of_tasks import shards_of_tasks
from donebit.store.layout import SHARDING_TASKS, TASKS_IN_SHARDS, LayoutVersion, found_layout, unmarked
from donebit.store.task_shards import OF_A_CLUSTER


def needs_shards(store: Store) -> bool:
    """Whether a store on a cluster has something, and the indexes of its tasks in one key each."""
    if not store.server.is_cluster():
        return False
    if found_layout(store.mover, store.keys) == LayoutVersion.TASKS_BEING_SHARDED:
        return True
    (count,) = store.mover.texts([store.keys.TASK_SHARDS])
    return count == "1" or (count is None and any(map(store.mover.size, store.keys.unsharded())))


def move_into_shards(store: Store, *, dry_run: bool) -> int:
    """Move every entry to the shard of its task; how many, or how many there are to move.

    The layout is marked first, which keeps services and workers of every release from starting on the
    store, and last again. Killed at any point, the same again goes on.
    """
    indexes = store.keys.of_all_tasks()
    if dry_run:
        return sum(map(store.mover.size, indexes))
    mark_layout(store, SHARDING_TASKS)
    moved = sum(store.mover.spread(index, OF_A_CLUSTER) for index in indexes)
    store.mover.replace_text(store.keys.TASK_SHARDS, store.keys.TASK_SHARDS, str(OF_A_CLUSTER))
    mark_layout(store, TASKS_IN_SHARDS)
    return moved


def mark_layout(store: Store, mark: str) -> None:
    """Put a mark before what the layout says of bitmaps, in place of an earlier one."""
    (text,) = store.mover.texts([store.keys.LAYOUT])
    store.mover.replace_text(store.keys.LAYOUT, store.keys.LAYOUT, f"{mark} {unmarked(text or '')}".rstrip())


def names_of_all_shards(index: str) -> list[str]:
    """The keys in which entries of an index may be, before, while and after they are moved."""
    return [index, *shards_of_tasks(index, OF_A_CLUSTER)]
