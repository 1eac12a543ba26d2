"""Telling the end of a task: at least once, and under one id however often."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from donebit import clock
from donebit.completion import deliveries
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store

LEASE = timedelta(seconds=30)  # whoever dies while telling is followed by another after this

log = logging.getLogger(__name__)


def log_end(task: Task) -> None:
    """Tell the log, which somebody may be watching."""
    seconds = task.took.total_seconds() if task.took else 0.0
    steps = f"{task.count} step{'s' if task.count > 1 else ''}"
    if task.done_steps < task.count:
        steps = f"{task.done_steps} of {steps}"
    log.info("task %s is %s: %s in %.1f s [%s]", task.id, task.state, steps, seconds, task.announcement_id)


def announce(
    store: Store, task_id: str, tell: Callable[[Task], None] = log_end, *, lease: timedelta | None = None
) -> bool:
    """Tell an ended task's end, unless it is told or being told; whether this call told it.

    The end counts as told only after `tell` has returned, and after what others asked to be told is kept: a
    crash in between tells it again, under the same id, and never not at all.

    Args:
        lease: how long ago somebody else may have begun to tell it and still be trusted to.
    """
    now_ms = clock.now_ms()
    next_look_ms = store.tasks.next_look(task_id)
    record = store.tasks.take_announcement(task_id, now_ms=now_ms, lease=LEASE if lease is None else lease)
    if record is None:
        return False
    task = Task.from_record(task_id, record)  # as it was in that act, whatever has become of it since
    owed = deliveries.enqueue(store, task)
    tell(task)
    noted = store.tasks.note_announced(
        task_id,
        task.nonce,
        task.run,
        now_ms=clock.now_ms(),
        least_life=deliveries.KEPT if owed else timedelta(0),
    )
    if noted and next_look_ms:
        store.tasks.close_task(task_id, next_look_ms)
    return True


def announce_before_resume(store: Store, task: Task) -> None:
    """Tell the end of a task that is about to run again, if nobody has: afterwards nobody could.

    Whoever began to tell it may be dead. Told twice under one id is as good as once.
    """
    if task.state is State.FAILED and task.announced_at is None:
        announce(store, task.id, lease=timedelta(0))
