"""Tasks that continue: resumed after they failed or stalled, or extended while they run."""

from __future__ import annotations

from datetime import timedelta

from donebit import clock
from donebit.completion import announcing, lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import Conflict, InvalidInput
from donebit.names import checked_name
from donebit.store import Store
from donebit.store.answers import ExtendStatus


def resume(store: Store, task_id: str, ttls: TaskTtls) -> Task:
    """Resume a failed or stalled task: done steps stay done, and steps that gave up are missing again.

    The missing steps are not sent; publishing.resume does that too.

    Args:
        ttls: how long the index that the task returns to must stay.

    Returns:
        The task as it is now, ended if all its steps were done after all.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has neither failed nor stalled.
    """
    checked_name(task_id, "task_id")
    now_ms = clock.now_ms()
    task = lifecycle.get_task(store, task_id).task
    announcing.announce_before_resume(store, task)
    if task.state is State.FAILED:  # indexed first: a stale entry is harmless, a missing one is not
        check_ms = now_ms + lifecycle.FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        store.tasks.open_again(task_id, check_ms, ttls.index)
    answer = store.failures.resume_task(task_id, now_ms=now_ms)
    if answer is None:
        raise lifecycle.unknown_task(task_id)
    if not answer.resumed:
        raise Conflict(f"task {task_id} is {answer.state}; only a failed or stalled task can be resumed")
    task = lifecycle.get_task(store, task_id).task
    if task.missing_steps == 0:  # the steps that gave up were done after all
        lifecycle.recount(store, task)
        return lifecycle.get_task(store, task_id).task
    return task


def extend(store: Store, task_id: str, count: int, *, max_steps: int) -> tuple[Task, int]:
    """Add steps to a running task.

    Args:
        count: the new total.

    Returns:
        The task as it is now, and the count it had before.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended.
        InvalidInput: the new count is not above the old one, or is above `max_steps`.
    """
    checked_name(task_id, "task_id")
    lifecycle.check_count(count, max_steps)
    answer = store.tasks.extend_task(task_id, count)
    if answer is None:
        raise lifecycle.unknown_task(task_id)
    if answer.status is ExtendStatus.STATE:
        raise Conflict(f"task {task_id} is {answer.state}; only a running task can be extended")
    if answer.status is ExtendStatus.LESS:
        raise InvalidInput(
            f"count is {count}; it must be above {answer.steps}, which the task has", field="count"
        )
    return lifecycle.get_task(store, task_id).task, answer.steps
