"""Announcing the end of a task, and its first failure: at least once, and always under the same id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from donebit import clock
from donebit.completion import chords, counting, deliveries, history, parents
from donebit.completion.measures import ENDS, TASK_TIMES, Tally
from donebit.completion.state import AGAIN, Early
from donebit.completion.task import Task
from donebit.formatting import plural
from donebit.store import Store
from donebit.store.answers import Noted

ANNOUNCE_LEASE = timedelta(seconds=30)  # an announcer that dies is replaced by another after this

FIRST_RUN = 1

log = logging.getLogger(__name__)


def log_end(task: Task) -> None:
    """Log the end of a task in one line."""
    seconds = task.took.total_seconds() if task.took else 0.0
    steps = f"{task.count} {plural(task.count, 'step')}"
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
        lease: how long another process that began to announce it is trusted; 30 s if left out.

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
    task = Task.from_record(task_id, record)  # as it was when claimed, even if it has changed since
    announce_first_failure(store, task)  # the process that should have done so may have died
    if "called_at" not in record:  # of a chord whose last step another program may have reported
        chords.ask_for_body(store.chords, task)
    has_deliveries = deliveries.enqueue(store, task)
    deliver(task)
    noted = _note(store, task, has_deliveries=has_deliveries)
    parents.release_parent(store, task)
    if noted is Noted.FIRST:
        count_end(store, task)
        history.record_end(store, task)
    if noted and next_look_ms:
        store.task_index.close_task(task_id, next_look_ms)
    return True


def count_end(store: Store, task: Task) -> None:
    """Count the end of a task for /metrics, and how long it took unless it was resumed in between."""
    tally = Tally()
    tally.count(ENDS, task.spec.job, task.state)
    if task.run == FIRST_RUN and task.took is not None:
        tally.observe(TASK_TIMES, task.spec.job, task.took.total_seconds())
    counting.add_if_possible(store, tally)


def _note(store: Store, task: Task, *, has_deliveries: bool) -> Noted:
    """Note that an end is announced. From then on the task is kept until all deliveries are settled."""
    has_early = bool(task.first_failure_at and deliveries.receivers_of(task, Early.FIRST_FAILURE))
    keep = deliveries.KEEP_FOR if has_deliveries or has_early else timedelta(0)
    noted = store.tasks.note_announced(task.id, task.nonce, task.run, now_ms=clock.now_ms(), least_life=keep)
    if has_early:  # its deliveries may all have been settled before
        store.tasks.release_task(task.id, task.nonce)
    return noted


def announce_first_failure(store: Store, task: Task) -> None:
    """Store the deliveries of a run's first failure to those who asked for it, unless that is done.

    The report of the failure does so at once, and the sweep in case that process died in between.
    """
    if task.first_failure_at is None or task.first_failure_told:
        return
    if deliveries.enqueue(store, task, Early.FIRST_FAILURE):
        store.tasks.update_record(task.id, task.nonce, task.run, {"first_failure_told": 1})


def announce_before_resume(store: Store, task: Task) -> None:
    """Announce the end of a task that is about to run again or to become done, if that is pending.

    Afterwards it would be too late. The process that began to announce it may have died, so its lease is
    ignored: receivers deduplicate by the announcement's id.
    """
    if task.state in AGAIN and task.announced_at is None:
        announce(store, task.id, lease=timedelta(0))
