"""Telling the end of a task: at least once, and under one id however often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared import clock
from shared.completion import deliveries, lifecycle
from shared.completion.task import Task
from shared.errors import NotFound
from shared.store import Store

LEASE = timedelta(seconds=30)  # whoever dies while telling is followed by another after this


def announce(store: Store, task_id: str, tell: Callable[[Task], None]) -> bool:
    """Tell an ended task's end, unless it is told or being told; whether this call told it.

    The end counts as told only after `tell` has returned: a crash in between tells it again, under the
    same id, and never not at all.
    """
    now_ms = clock.now_ms()
    next_look_ms = store.tasks.next_look(task_id)
    if not store.tasks.take_announcement(task_id, now_ms=now_ms, lease=LEASE):
        return False
    try:
        task = lifecycle.look(store, task_id).task
    except NotFound:  # it was deleted, or its tombstone ended, this very moment
        return False
    if not task.ended:  # resumed this very moment: its next end shall not count as told
        return False
    deliveries.owe(store, task)  # kept first: only then may the end count as told
    tell(task)
    if store.tasks.note_announced(task_id, task.nonce, task.run, clock.now_ms()) and next_look_ms:
        store.tasks.close_task(task_id, next_look_ms)
    return True
