"""Tasks that continue: resumed after they failed, stalled, were cancelled or paused, extended, or closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from donebit import clock
from donebit.completion import announcing, changing, chords, failing, lifecycle, parents, reporting
from donebit.completion.failing import ChosenSteps
from donebit.completion.failure_groups import Range
from donebit.completion.state import AGAIN, State
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import Conflict, DonebitError, InvalidInput
from donebit.names import stored_name
from donebit.store import Store
from donebit.store.answers import CloseStatus, ExtendResult, ExtendStatus


def resume(store: Store, task_id: str, ttls: TaskTtls, *, reply_key: str | None = None) -> Task:
    """Resume a failed, cancelled, stalled or paused task. Done steps stay done.

    Steps that gave up are missing again, but for those of a paused or stalled task, which has not ended.
    The missing steps are not sent; publishing.resume does that too.

    Args:
        ttls: how long the index that the task returns to must stay.
        reply_key: an Idempotency-Key; a repeat with the same key within an hour changes nothing more.

    Returns:
        The task as it is now, ended if all its steps were done after all.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it is done, running and neither stalled nor paused, or a Celery chord.
        InvalidInput: the reply key was used for another request.
    """
    stored_name(task_id, "task_id")
    task = lifecycle.get_task(store, task_id).task
    chords.refuse_change(task, "resumed")
    _prepare(store, task, ttls)
    answer = store.failures.resume_task(
        task_id, now_ms=clock.now_ms(), token=changing.call_token(reply_key, "resume"), reply_key=reply_key
    )
    answer = changing.known(answer, task_id, reply_key)
    if not answer.resumed:
        raise Conflict(
            f"task {task_id} is {answer.state}; only a failed, cancelled, stalled or paused one is resumed"
        )
    return _begun_again(store, lifecycle.get_task(store, task_id).task)


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a wish to try steps again."""

    task: Task
    steps: int  # how many are missing again
    ranges: list[Range]  # those, half open; none for a repeat of the request
    began_again: bool  # the task had failed, and runs again


def retry(
    store: Store, task_id: str, chosen: ChosenSteps, ttls: TaskTtls, *, reply_key: str | None = None
) -> Retried:
    """Let chosen steps that gave up be missing again. Of a failed task the others stay given up.

    The steps are not sent; publishing.retry does that too.

    Args:
        ttls: how long the index that the task returns to must stay.
        reply_key: an Idempotency-Key; a repeat with the same key within an hour changes nothing more.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it is done or cancelled, none of the steps gave up, or it counts a Celery chord.
        InvalidInput: nothing is chosen, steps that it does not have, or too many ranges; or the reply key was
            used for another request.
    """
    stored_name(task_id, "task_id")
    chosen.check()
    task = lifecycle.get_task(store, task_id).task
    chords.refuse_change(task, "retried")
    ranges = failing.failed_ranges(store, task, chosen)
    if ranges:
        _prepare(store, task, ttls)
    token = changing.call_token(reply_key, "retry", list(chosen.steps), list(chosen.ranges), chosen.group)
    answer = store.failures.retry_steps(
        task_id, ranges, now_ms=clock.now_ms(), token=token, reply_key=reply_key
    )
    answer = changing.known(answer, task_id, reply_key)
    if answer.state == State.CANCELLED:
        raise Conflict(
            f"task {task_id} is cancelled; only steps of a running or failed task can be retried: resume it"
        )
    if not answer.retried:
        raise Conflict(f"none of these steps of task {task_id}, which is {answer.state}, has given up")
    now = _begun_again(store, lifecycle.get_task(store, task_id).task)
    return Retried(now, answer.steps, ranges, began_again=answer.state == State.FAILED)


def _begun_again(store: Store, task: Task) -> Task:
    parents.renew_parent(store, task)
    if task.missing_steps == 0:  # the steps that gave up were done after all
        reporting.recount(store, task)
        return lifecycle.get_task(store, task.id).task
    return task


def _prepare(store: Store, task: Task, ttls: TaskTtls) -> None:
    """Announce the end that is about to be another, and have the sweep look after the next one."""
    announcing.announce_before_resume(store, task)
    if task.state in AGAIN:  # indexed first: a stale entry is harmless, a missing one is not
        check_ms = clock.now_ms() + lifecycle.FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        store.task_index.open_again(task.id, check_ms, ttls.index)


@dataclass(frozen=True, slots=True)
class Extension:
    """How many steps a task is to have: a new total, or so many more."""

    count: int | None = None
    add: int | None = None
    expected: int | None = None  # the total that the task must have before; None for any

    def check(self, max_steps: int) -> None:
        """Check what can be checked without the task.

        Raises:
            InvalidInput: not just one of count and add is given, or it is out of bounds.
        """
        if (self.count is None) is (self.add is None):
            raise InvalidInput("an extension takes either count, the new total, or add", field="count")
        if self.count is not None:
            lifecycle.check_count(self.count, max_steps)
        elif self.add is not None and not 1 <= self.add <= max_steps:
            raise InvalidInput(f"add is {self.add}; it must be 1 to {max_steps}", field="add")

    def refusal(self, task_id: str, answer: ExtendResult, max_steps: int) -> DonebitError:
        """The error for a task that was not extended."""
        steps = answer.steps
        match answer.status:
            case ExtendStatus.STATE | ExtendStatus.FROM:
                return changing.not_extended(task_id, answer, self.expected)
            case ExtendStatus.ITEMS:
                why = f"the steps of task {task_id} have items: extend it by `items`"
                return InvalidInput(why, field="items")
            case ExtendStatus.MOST:
                why = f"add is {self.add}; the task has {steps} steps, and at most {max_steps} are allowed"
                return InvalidInput(why, field="add")
            case _:
                why = f"count is {self.count}; it must be above {steps}, which the task has"
                return InvalidInput(why, field="count")


def extend(
    store: Store, task_id: str, wanted: Extension, *, max_steps: int, reply_key: str | None = None
) -> tuple[Task, int]:
    """Add steps to a running task. Of two who add at once, each adds its own.

    Args:
        reply_key: an Idempotency-Key; a repeat with the same key within an hour adds nothing more.

    Returns:
        The task as it is now, and the count it had before.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended, has another total than expected, or counts a Celery chord.
        InvalidInput: the new count is not above the old one, or is above `max_steps`; or the reply key was
            used for another request.
    """
    stored_name(task_id, "task_id")
    wanted.check(max_steps)
    lifecycle.refuse_chord(store, task_id, "extended")
    token = changing.call_token(reply_key, "extend", wanted.count, wanted.add, wanted.expected)
    answer = store.task_changes.extend_task(
        task_id,
        count=wanted.count,
        add=wanted.add,
        expected=wanted.expected,
        max_steps=max_steps,
        token=token,
        reply_key=reply_key,
    )
    answer = changing.known(answer, task_id, reply_key)
    if answer.status is not ExtendStatus.OK:
        raise wanted.refusal(task_id, answer, max_steps)
    return lifecycle.get_task(store, task_id).task, answer.steps


def close(
    store: Store, task_id: str, *, expected: int | None = None, reply_key: str | None = None
) -> tuple[Task, bool]:
    """Close an open task: no step can be added any more, and it ends at once if all its steps have.

    Args:
        expected: the total that the task must have; None for any.
        reply_key: an Idempotency-Key; a repeat with the same key within an hour changes nothing more.

    Returns:
        The task as it is now, and whether this call ended it.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it has ended, is not open, or has another total than expected.
        InvalidInput: the reply key was used for another request.
    """
    stored_name(task_id, "task_id")
    token = changing.call_token(reply_key, "close", expected)
    answer = store.task_changes.close_task(
        task_id, expected=expected, now_ms=clock.now_ms(), token=token, reply_key=reply_key
    )
    answer = changing.known(answer, task_id, reply_key)
    match answer.status:
        case CloseStatus.STATE:
            raise Conflict(f"task {task_id} is {answer.state}; only a running task can be closed")
        case CloseStatus.CLOSED:
            raise Conflict(f"task {task_id} is not open, so it cannot be closed")
        case CloseStatus.FROM:
            raise Conflict(f"task {task_id} has {answer.steps} steps, not {expected} as `count` says")
    return lifecycle.get_task(store, task_id).task, answer.completed
