"""A task that another one reads is kept for as long as that one runs."""

from __future__ import annotations

from datetime import timedelta

from donebit.completion.task import Parent, Task
from donebit.store import Store


def keep_parent(store: Store, task_id: str, nonce: str, reader: str, least_life: timedelta) -> Parent:
    """Keep a task for the one that its end starts, if it has results.

    Args:
        nonce: of the task.
        reader: the id of the task that is started.
        least_life: how long the task stays at least; the sweep renews it while the reader runs.
    """
    found = store.results.add_reader(task_id, nonce, reader, least_life)
    return Parent(task_id, nonce, found or 0)


def keep_parent_again(store: Store, task: Task, reader: str, least_life: timedelta) -> Parent | None:
    """Keep the task that another one reads for a further reader, which runs that one again.

    Where it is gone by now, to read its results raises ResultsGone.

    Args:
        task: that reads it.
        reader: the id of the task that is started.
        least_life: as of keep_parent.
    """
    if task.parent is not None and task.parent.results:
        store.results.add_reader(task.parent.id, task.parent.nonce, reader, least_life)
    return task.parent


def renew_parent(store: Store, task: Task) -> None:
    """Keep the task that a running one reads."""
    if task.parent is not None and task.parent.results:
        store.results.add_reader(task.parent.id, task.parent.nonce, task.id, task.open_ttl)


def release_parent(store: Store, task: Task) -> None:
    """Let the task that an ended one has read expire as ended tasks do."""
    if task.parent is not None:
        drop_reader(store, task.parent, task.id)


def drop_reader(store: Store, parent: Parent, reader: str) -> None:
    """Let a task expire as ended tasks do, as far as this one alone has read it.

    Args:
        reader: the id of the task that read it.
    """
    if parent.results:
        store.results.remove_reader(parent.id, parent.nonce, reader)
        store.tasks.release_task(parent.id, parent.nonce)
