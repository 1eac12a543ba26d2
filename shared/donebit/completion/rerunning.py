"""Running a task once more: a new task with the same order, while the record of the old one is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from donebit.completion import changing, chords, items, lifecycle, parents
from donebit.completion.lifecycle import Started
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import Conflict, NotFound
from donebit.store import Store

BASE_LENGTH = 80  # characters of the old id that the new one begins with
SUFFIX_LENGTH = 12


def get_order(store: Store, task_id: str) -> Task:
    """Read the task that is to be run again.

    Raises:
        NotFound: no such task, or its record has expired, and what was asked for with it.
        Conflict: it counts a Celery chord.
    """
    try:
        task = lifecycle.get_task(store, task_id).task
    except NotFound:
        raise NotFound(
            f"the order of task {task_id} is gone: no task {task_id} is known, or it has expired",
            field="task_id",
        ) from None
    chords.refuse_change(task, "run again")
    return task


def spec_again(task: Task, params: Mapping[str, Any] | None = None, label: str | None = None) -> TaskSpec:
    """The specification of a task as it is to be run again, with all of its steps.

    Args:
        task: that was run before; of one that was extended, with the steps that it had at last.
        params: in place of those of their names; the others stay.
        label: another one; None for the same.
    """
    return replace(
        task.spec,
        count=task.count,
        params={**task.spec.params, **(params or {})},
        label=label or task.spec.label,
        open=False,  # with the steps that it had at last
    )


def next_id(task: Task, reply_key: str | None) -> str:
    """The id of the new task: of the old one and, with a reply key, always the same.

    A task that is itself run again keeps the id that the first one had as its beginning.
    """
    token = changing.call_token(reply_key, "rerun")
    digest = hashlib.sha256(f"{task.id} {task.nonce} {token}".encode()).hexdigest()[:SUFFIX_LENGTH]
    base = task.id.rpartition(".")[0] if task.rerun_of is not None else task.id
    return f"{base[:BASE_LENGTH]}.{digest}"


def rerun(
    store: Store, task: Task, spec: TaskSpec, *, ttls: TaskTtls, max_steps: int, reply_key: str | None = None
) -> Started:
    """Start a new task that runs an old one again, and reads the results that it read. No step is sent.

    Args:
        task: the old one.
        spec: of `spec_again`.
        reply_key: an Idempotency-Key; a repeat with the same key finds the task that the first call started.

    Raises:
        InvalidInput: the reply key was used for another request, or the specification is out of bounds.
    """
    found = None if task.spec.items is None else items.read_all(store, task)
    task_id = next_id(task, reply_key)
    parent = parents.keep_parent_again(store, task, task_id, ttls.open)
    try:
        started = lifecycle.start(
            store,
            spec if found is None else replace(spec, items=found.digest),
            task_id=task_id,
            rerun_of=task.id,
            ttls=ttls,
            max_steps=max_steps,
            parent=parent,
            items=found,
        )
    except Conflict:  # of one digest, so with one key, but for other parameters
        raise changing.key_reused(reply_key) from None
    if started.task.announced_at:  # before: it has read what it was to read
        parents.release_parent(store, started.task)
    return started
