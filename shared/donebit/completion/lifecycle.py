"""A task from its start to its end: start, report steps, cancel, delete, look."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from donebit import clock
from donebit.completion.progress import Reading
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task, TaskSnapshot
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.names import checked_name
from donebit.store import Store
from donebit.store.answers import MarkStepsResult, ReportStatus

STEPS_A_REPORT = 10_000  # single steps and ranges in one act: about 5 ms of the server
FIRST_LOOK = timedelta(seconds=5)  # by then a task that was started has been fanned out
STARTS = 5  # of a task that others delete between its start and a look at it
LONGEST_ENDED_TTL = timedelta(days=30)  # that a task may ask for
INDEX_MARGIN = timedelta(days=1)  # the indexes outlive the last task in them


@dataclass(frozen=True, slots=True)
class TaskTtls:
    """How long a task stays: while it is open, renewed by progress, and after its end."""

    open: timedelta = timedelta(days=7)
    ended: timedelta = timedelta(days=1)

    @property
    def index(self) -> timedelta:
        return max(self.open, self.ended, LONGEST_ENDED_TTL) + INDEX_MARGIN


@dataclass(frozen=True, slots=True)
class Started:
    """A task that was asked for, and whether this call made it."""

    task: Task
    fresh: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a report of finished steps changed."""

    fresh: int  # steps newly done
    completed_task: bool
    state: State
    count: int
    left: int  # not done, those that gave up included

    @property
    def done_steps(self) -> int:
        return self.count - self.left


def start(
    store: Store,
    order: TaskSpec,
    *,
    task_id: str | None = None,
    lives: TaskTtls | None = None,
    max_steps: int,
) -> Started:
    """Set the end marker and write the record, before anything can be fanned out.

    Raises:
        InvalidInput: the count is not 1 to `max_steps`, or the id or label is no name.
        Conflict: the id is that of a task which was asked for otherwise.
        StoreUnavailable: nothing was started, or nobody knows: ask again with the same id.
    """
    check_count(order.count, max_steps)
    if order.label is not None:
        checked_name(order.label, "label")
    if task_id is None:
        return _start_new(store, order, uuid.uuid4().hex[:12], lives or TaskTtls())
    checked_name(task_id, "task_id")
    if (known := _find(store, task_id)) is not None:
        return _agreeing(known, order)
    return _start_new(store, order, task_id, lives or TaskTtls())


def check_count(count: int, max_steps: int) -> None:
    """Raise InvalidInput for what is no number of steps."""
    if not 1 <= count <= max_steps:
        raise InvalidInput(f"count is {count}; it must be 1 to {max_steps}", field="count")


def _start_new(store: Store, order: TaskSpec, task_id: str, lives: TaskTtls) -> Started:
    for _ in range(STARTS):
        now = clock.now()
        now_ms = clock.ms_since_epoch(now)
        look_ms = now_ms + FIRST_LOOK // timedelta(milliseconds=1)
        store.tasks.index_task(task_id, int(now.timestamp() * 1e6), look_ms, lives.index)
        fields = _record(order, now_ms, lives)
        if store.tasks.start_task(task_id, order.count, fields, lives.open) is None:
            return Started(Task.from_record(task_id, _texts(fields)), fresh=True)
        if (known := _find(store, task_id)) is not None:
            return _agreeing(known, order)
    raise Conflict(f"task {task_id} is being started and deleted by others all the time", field="task_id")


def _record(order: TaskSpec, now_ms: int, lives: TaskTtls) -> dict[str, str | int]:
    return {
        "count": order.count,
        "left": order.count,
        "failed": 0,
        "state": State.RUNNING,
        "nonce": uuid.uuid4().hex,
        "run": 1,
        "order": order.as_text(),
        "created_at": now_ms,
        "last_progress_at": now_ms,
        "renew_at": now_ms + lives.open // timedelta(milliseconds=100),
        "stall_after": order.stall_after // timedelta(milliseconds=1),
        "ttl": lives.open // timedelta(milliseconds=1),
        "ended_ttl": (order.ended_ttl or lives.ended) // timedelta(milliseconds=1),
    }


def _texts(fields: dict[str, str | int]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def _agreeing(known: Task, order: TaskSpec) -> Started:
    if known.order != order:
        raise Conflict(
            f"task {known.id} exists and was asked for as {known.order.as_text()}; this request asks for "
            f"{order.as_text()}",
            field="task_id",
        )
    return Started(known, fresh=False)


def report(
    store: Store,
    task_id: str,
    steps: Sequence[int] = (),
    ranges: Sequence[tuple[int, int]] = (),
    *,
    token: str | None = None,
    nonce: str = "",
    reply_key: str | None = None,
) -> Report:
    """Mark steps, and half-open ranges of them, as done: all or nothing.

    Args:
        token: names this call, so that the same call made again hears that it completed the task.
        nonce: of the task meant; a later task under the same id is another. Empty for any.
        reply_key: an Idempotency-Key; the same again within an hour gets the same answer.

    Raises:
        NotFound: no such task, or it has expired.
        InvalidInput: a step is not in the task, a range runs backwards, they are too many, or the
            reply key was used for others.
        StoreUnavailable: the marks may or may not have been set; reporting them again is safe.
    """
    checked_name(task_id, "task_id")
    _check_report(steps, ranges)
    marked = store.tasks.mark_steps(
        task_id,
        steps,
        ranges,
        now_ms=clock.now_ms(),
        token=token or token_of(reply_key, list(steps), list(map(tuple, ranges))),
        nonce=nonce,
        reply_key=reply_key,
    )
    if marked.status is ReportStatus.REUSED:
        raise reused(reply_key)
    return _report(task_id, marked)


def token_of(reply_key: str | None, *said: object) -> str:
    """A new one for each report, but for one with a reply key: the same again is the same call."""
    if reply_key is None:
        return secrets.token_hex(16)
    return hashlib.sha256(repr((reply_key, *said)).encode()).hexdigest()[:32]


def reused(reply_key: str | None) -> InvalidInput:
    return InvalidInput(
        f"Idempotency-Key is {reply_key!r}, which was used for another report; a key names one",
        field="Idempotency-Key",
    )


def recount(store: Store, task: Task) -> Report:
    """Count what is left from the bitmap itself, and end the task if nothing is.

    Bits set by other hands count too. Raises NotFound for a task that is gone.
    """
    marked = store.tasks.recount_task(
        task.id, now_ms=clock.now_ms(), token=secrets.token_hex(16), nonce=task.nonce
    )
    return _report(task.id, marked)


def _check_report(steps: Sequence[int], ranges: Sequence[tuple[int, int]]) -> None:
    size = len(steps) + len(ranges)
    if size > STEPS_A_REPORT:
        raise InvalidInput(f"{size} steps and ranges in one report; at most {STEPS_A_REPORT}", field="steps")
    for first, after in ranges:
        if not 0 <= first < after:
            raise InvalidInput(
                f"range [{first}, {after}) is empty, runs backwards or starts below 0", field="ranges"
            )


def _report(task_id: str, marked: MarkStepsResult) -> Report:
    if marked.status is ReportStatus.UNKNOWN:
        raise unknown(task_id)
    if marked.status is ReportStatus.RANGE:
        raise no_such_step(task_id, marked.fresh, marked.steps)
    return Report(
        marked.fresh, bool(marked.completed), State(marked.state), marked.steps, marked.left + marked.failed
    )


def unknown(task_id: str) -> NotFound:
    return NotFound(f"no task {task_id} is known, or it has expired", field="task_id")


def no_such_step(task_id: str, step: int, count: int) -> InvalidInput:
    return InvalidInput(
        f"step {step} is not a step of task {task_id}: its steps are 0 to {count - 1}", field="step"
    )


def cancel(store: Store, task_id: str) -> Task:
    """End a running task now; steps reported later are recorded and change nothing.

    Raises:
        NotFound: no such task.
        Conflict: it has ended already.
    """
    checked_name(task_id, "task_id")
    answer = store.tasks.cancel_task(task_id, now_ms=clock.now_ms(), token=secrets.token_hex(16))
    if answer is None:
        raise unknown(task_id)
    cancelled, state = answer
    if not cancelled:
        raise Conflict(f"task {task_id} is {state}; only a running task can be cancelled")
    return get_task(store, task_id).task


def delete(store: Store, task_id: str) -> None:
    """Forget a task; whatever its messages still report marks nothing. Raises NotFound."""
    checked_name(task_id, "task_id")
    if not store.tasks.delete_task(task_id):
        raise unknown(task_id)


def get_task(store: Store, task_id: str) -> TaskSnapshot:
    """One look at a task and its bitmap. Raises NotFound for one unknown or expired."""
    checked_name(task_id, "task_id")
    found = store.tasks.get(task_id)
    if found is None:
        raise unknown(task_id)
    task = Task.from_record(task_id, found.record)
    if found.set_bits == 0 and task.state is not State.DONE:
        raise unknown(task_id)  # a record without its bitmap, not done, is an expired task
    if task.state is State.DONE:  # its bitmap is dropped, and reads as it did at the end
        return TaskSnapshot(task, Reading(task.count + 1, task.count + 1))
    return TaskSnapshot(task, Reading(found.first_gap, found.set_bits))


def _find(store: Store, task_id: str) -> Task | None:
    try:
        return get_task(store, task_id).task
    except NotFound:
        return None
