"""A task that goes on: resumed after it failed or stalled, or extended while it runs."""

from __future__ import annotations

from datetime import timedelta

from donebit import clock
from donebit.completion import announcing, lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput
from donebit.names import checked_name
from donebit.store import Store
from donebit.store.answers import ExtendStatus


def resume(store: Store, task_id: str) -> Task:
    """Let a failed task run again, or a stalled one: what it did stays done, what gave up is missing again.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has neither failed nor stalled.
    """
    checked_name(task_id, "task_id")
    now_ms = clock.now_ms()
    before = lifecycle.get_task(store, task_id).task
    announcing.announce_before_resume(store, before)
    if before.state is State.FAILED:  # open before it runs: a stale entry is harmless, a missing one is not
        look_ms = now_ms + lifecycle.FIRST_LOOK // timedelta(milliseconds=1)
        store.tasks.open_again(task_id, look_ms, lifecycle.TaskTtls().index)  # the sweep knows better
    answer = store.failures.resume_task(task_id, now_ms=now_ms)
    if answer is None:
        raise lifecycle.unknown(task_id)
    if not answer.resumed:
        raise Conflict(f"task {task_id} is {answer.state}; only a failed or stalled task can be resumed")
    task = lifecycle.get_task(store, task_id).task
    if task.left == 0:  # what had given up was done after all
        lifecycle.recount(store, task)
        return lifecycle.get_task(store, task_id).task
    return task


def extend(store: Store, task_id: str, count: int, *, max_steps: int) -> tuple[Task, int]:
    """Give a running task more steps; the task, and the count it had.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended.
        InvalidInput: the new count is not above the old, or above `max_steps`.
    """
    checked_name(task_id, "task_id")
    lifecycle.check_count(count, max_steps)
    answer = store.tasks.extend_task(task_id, count)
    if answer is None:
        raise lifecycle.unknown(task_id)
    if answer.status is ExtendStatus.STATE:
        raise Conflict(f"task {task_id} is {answer.state}; only a running task can be extended")
    if answer.status is ExtendStatus.LESS:
        raise InvalidInput(
            f"count is {count}; it must be above {answer.steps}, which the task has", field="count"
        )
    return lifecycle.get_task(store, task_id).task, answer.steps
