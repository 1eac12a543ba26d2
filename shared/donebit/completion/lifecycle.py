"""A task as a whole: start, cancel, pause, delete, get."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from donebit import clock
from donebit.completion import changing, chords, parents
from donebit.completion.progress import Reading
from donebit.completion.record import as_texts, is_done_at_once, started_record
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Parent, Task, TaskSnapshot
from donebit.completion.ttls import TaskTtls
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.names import checked_name, stored_name
from donebit.readable import UNREADABLE
from donebit.store import Store
from donebit.store.answers import DeleteStatus
from donebit.store.items import ItemChunk

FIRST_CHECK_AFTER = timedelta(seconds=5)  # by then a task has normally been fanned out
MAX_START_ATTEMPTS = 5  # when others delete the task each time before it can be read
ID_LENGTH = 12  # hexadecimal digits of an id that nobody has named


@dataclass(frozen=True, slots=True)
class PackedItems:
    """Items as they are stored.

    Attributes:
        texts: the chunks as JSON lists, to be checked
        size: bytes of JSON
        digest: SHA-256 of the items as canonical JSON
    """

    count: int
    texts: list[str]
    chunks: list[ItemChunk]
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Started:
    """A task that was asked for, and whether this call created it."""

    task: Task
    fresh: bool


def start(
    store: Store,
    spec: TaskSpec,
    *,
    task_id: str | None = None,
    rerun_of: str | None = None,
    ttls: TaskTtls,
    max_steps: int,
    parent: Parent | None = None,
    items: PackedItems | None = None,
) -> Started:
    """Start a task: set its end marker and write its record. No step is sent.

    A task without steps is done at once, unless it is open; its end is not announced yet.

    Args:
        task_id: a new one is made if left out. A second start with the same id and spec gives the same task.
        rerun_of: the task that this one runs again.
        ttls: how long the task stays.
        max_steps: the largest count allowed.
        parent: the task whose end starts it.
        items: of its steps; the spec has their digest.

    Raises:
        InvalidInput: the count is not 0 to `max_steps`, or the id or label is not a valid name.
        Conflict: the id is that of a task with another spec.
        StoreUnavailable: perhaps started; the same call with the same id may be repeated.
    """
    check_count(spec.count, max_steps)
    if spec.label is not None:
        checked_name(spec.label, "label")
    if task_id is None:
        return _start_new(store, spec, uuid.uuid4().hex[:ID_LENGTH], ttls, rerun_of, parent, items)
    checked_name(task_id, "task_id")
    if (existing := _find_task(store, task_id)) is not None:
        return _existing_if_same(existing, spec)
    return _start_new(store, spec, task_id, ttls, rerun_of, parent, items)


def check_count(count: int, max_steps: int) -> None:
    """Check a number of steps.

    Raises:
        InvalidInput: it is not 0 to `max_steps`.
    """
    if not 0 <= count <= max_steps:
        raise InvalidInput(f"count is {count}; it must be 0 to {max_steps}", field="count")


def _start_new(
    store: Store,
    spec: TaskSpec,
    task_id: str,
    ttls: TaskTtls,
    rerun_of: str | None,
    parent: Parent | None,
    items: PackedItems | None,
) -> Started:
    for _ in range(MAX_START_ATTEMPTS):
        now = clock.now()
        now_ms = clock.ms_since_epoch(now)
        check_ms = now_ms + FIRST_CHECK_AFTER // timedelta(milliseconds=1)
        store.task_index.index_task(task_id, int(now.timestamp() * 1e6), check_ms, ttls.index)
        fields = started_record(spec, now_ms, ttls) | (parent.as_fields() if parent else {})
        fields |= {} if rerun_of is None else {"rerun_of": rerun_of}
        if items is not None:
            fields["items_bytes"] = items.size
        marker = None if is_done_at_once(spec) else spec.count
        chunks = items.chunks if items is not None else ()
        if store.tasks.start_task(task_id, marker, fields, ttls.open, chunks) is None:
            return Started(Task.from_record(task_id, as_texts(fields)), fresh=True)
        if (existing := _find_task(store, task_id)) is not None:
            return _existing_if_same(existing, spec)
    raise Conflict(f"task {task_id} is being started and deleted by others repeatedly", field="task_id")


def _existing_if_same(existing: Task, spec: TaskSpec) -> Started:
    if existing.spec != spec:
        raise Conflict(
            f"task {existing.id} exists with another spec: its {existing.spec.differences(spec)}",
            field="task_id",
        )
    return Started(existing, fresh=False)


def cancel(store: Store, task_id: str, *, reply_key: str | None = None) -> Task:
    """Cancel a running task. Steps that are reported later are recorded, but do not change its state.

    Args:
        reply_key: an Idempotency-Key; a repeat with the same key within an hour changes nothing more.

    Raises:
        NotFound: no such task.
        Conflict: it has ended already.
        InvalidInput: the reply key was used for another request.
    """
    stored_name(task_id, "task_id")
    answer = store.task_changes.cancel_task(
        task_id, now_ms=clock.now_ms(), token=changing.call_token(reply_key, "cancel"), reply_key=reply_key
    )
    answer = changing.known(answer, task_id, reply_key)
    if not answer.cancelled:
        raise Conflict(f"task {task_id} is {answer.state}; only a running task can be cancelled")
    task = get_task(store, task_id).task
    chords.ask_for_body(store.chords, task)
    return task


def pause(store: Store, task_id: str, *, reply_key: str | None = None) -> Task:
    """Pause a running task: workers begin no further step of it until it is resumed.

    Steps that are reported meanwhile count, and may end it. A task that is paused already stays so.

    Args:
        reply_key: an Idempotency-Key; a repeat with the same key within an hour changes nothing more.

    Raises:
        NotFound: no such task.
        Conflict: it has ended, or counts a Celery chord.
        InvalidInput: the reply key was used for another request.
    """
    stored_name(task_id, "task_id")
    refuse_chord(store, task_id, "paused")
    answer = store.task_changes.pause_task(
        task_id, now_ms=clock.now_ms(), token=changing.call_token(reply_key, "pause"), reply_key=reply_key
    )
    answer = changing.known(answer, task_id, reply_key)
    if not answer.paused:
        raise Conflict(f"task {task_id} is {answer.state}; only a running task can be paused")
    return get_task(store, task_id).task


def refuse_chord(store: Store, task_id: str, change: str) -> None:
    """Refuse a change of a Celery chord, as chords.refuse_change does."""
    with suppress(NotFound):  # an answer may be kept of a task that is gone
        chords.refuse_change(get_task(store, task_id).task, change)


def is_paused(store: Store, task: Task) -> bool:
    """Whether a task is paused by now; False for one that is gone."""
    return store.task_changes.is_paused(task.id, task.nonce)


def delete(store: Store, task_id: str, *, reply_key: str | None = None) -> None:
    """Delete a task. Messages of it that are still under way change nothing.

    The task whose results it reads expires as ended tasks do.

    Args:
        reply_key: an Idempotency-Key; a repeat with the same key within an hour deletes nothing more, not
            even a task that was made under this id since.

    Raises:
        NotFound: no such task.
        InvalidInput: the reply key was used for another request.
    """
    stored_name(task_id, "task_id")
    parent = Parent.from_record(*store.tasks.records([task_id]))  # of a task that cannot be read, too
    pending = store.deliveries.of_task(task_id)
    status = store.task_changes.delete_task(
        task_id, token=changing.call_token(reply_key, "delete"), reply_key=reply_key
    )
    if status is DeleteStatus.REUSED:
        raise changing.key_reused(reply_key)
    if status is DeleteStatus.UNKNOWN:
        raise changing.unknown_task(task_id)
    # An answer that was kept deletes nothing: the task may be one that was made under this id since.
    if any(store.tasks.records([task_id])):
        return
    if parent is not None:
        parents.drop_reader(store, parent, task_id)
    store.deliveries.forget(pending)


def get_task(store: Store, task_id: str) -> TaskSnapshot:
    """Read a task and its bitmap at one moment.

    Raises:
        NotFound: no such task, or it has expired.
        Conflict: it cannot be read here, as a later version wrote it.
    """
    stored_name(task_id, "task_id")
    found = store.tasks.get(task_id)
    if found is None:
        raise changing.unknown_task(task_id)
    try:
        task = Task.from_record(task_id, found.record)
    except UNREADABLE as error:
        raise Conflict(
            f"task {task_id} cannot be read here, perhaps as a later version wrote it: {error}"
        ) from error
    if found.set_bits == 0 and task.state is not State.DONE:
        raise changing.unknown_task(task_id)  # a record without its bitmap, not done, is an expired task
    if task.state is State.DONE:  # its bitmap is dropped; this is what it read at the end
        return TaskSnapshot(task, Reading(task.count + 1, task.count + 1))
    return TaskSnapshot(task, Reading(found.first_gap, found.set_bits))


def _find_task(store: Store, task_id: str) -> Task | None:
    try:
        return get_task(store, task_id).task
    except NotFound:
        return None
