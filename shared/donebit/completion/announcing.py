"""Announcing the end of a task: at least once, and always under the same id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from donebit import clock
from donebit.completion import chords, deliveries
from donebit.completion.state import AGAIN
from donebit.completion.task import Task
from donebit.store import Store

ANNOUNCE_LEASE = timedelta(seconds=30)  # an announcer that dies is replaced by another after this

log = logging.getLogger(__name__)


def log_end(task: Task) -> None:
    """Log the end of a task in one line."""
    seconds = task.took.total_seconds() if task.took else 0.0
    steps = f"{task.count} step{'s' if task.count != 1 else ''}"
    if task.done_steps < task.count:
        steps = f"{task.done_steps} of {steps}"
    log.info("task %s is %s: %s in %.1f s [%s]", task.id, task.state, steps, seconds, task.end_name)


def announce(
    store: Store, task_id: str, deliver: Callable[[Task], None] = log_end, *, lease: timedelta | None = None
) -> bool:
    """Announce the end of a task, unless that is done or being done.

    The end counts as announced only after `deliver` has returned and the deliveries to its receivers are
    stored: after a crash in between it is announced again, under the same id.

    Args:
        deliver: called with the ended task, at least once.
        lease: how long another process that began to announce it is trusted to finish; 30 s if left out.

    Returns:
        Whether this call announced it.
    """
    now_ms = clock.now_ms()
    next_look_ms = store.task_index.next_look(task_id)
    record = store.tasks.take_announcement(
        task_id, now_ms=now_ms, lease=ANNOUNCE_LEASE if lease is None else lease
    )
    if record is None:
        return False
    # As it was when the announcement was claimed, even if it has changed since.
    task = Task.from_record(task_id, record)
    _ask_for_body(store, task, record)
    has_deliveries = deliveries.enqueue(store, task)
    deliver(task)
    noted = store.tasks.note_announced(
        task_id,
        task.nonce,
        task.run,
        now_ms=clock.now_ms(),
        least_life=deliveries.KEEP_FOR if has_deliveries else timedelta(0),
    )
    if noted and next_look_ms:
        store.task_index.close_task(task_id, next_look_ms)
    return True


def _ask_for_body(store: Store, task: Task, record: Mapping[str, str]) -> None:
    """Have the body of a chord called that was cancelled, or whose last step another program reported."""
    if chords.is_chord(task.spec) and "called_at" not in record:
        store.chords.ask_for_call(task.id, task.open_ttl)  # nothing new if its last part has ended it


def announce_before_resume(store: Store, task: Task) -> None:
    """Announce the end of a task that is about to run again or to become done, if that is pending.

    Afterwards it would be too late. The process that began to announce it may have died, so its lease is
    ignored: receivers deduplicate by the announcement's id.
    """
    if task.state in AGAIN and task.announced_at is None:
        announce(store, task.id, lease=timedelta(0))
