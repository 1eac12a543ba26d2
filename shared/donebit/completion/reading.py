"""A task that takes in the results of the one that started it, which is kept for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from donebit.completion import lifecycle
from donebit.completion.results import Persist, ask_once, decoded, iterate_chunks
from donebit.completion.task import Parent, Task
from donebit.errors import NotFound
from donebit.results import Results, StoredResults
from donebit.store import Store

Part = tuple[list[int], list[Any]]


class ResultsGone(NotFound):
    """The results that a task is to read were deleted or have expired."""


def parent_results(store: Store, task: Task, persist: Persist = ask_once) -> Results[Any]:
    """What the steps of the task returned that started this one, read a chunk at a time.

    To go through it raises ResultsGone when the other task is gone.

    Args:
        persist: makes each read.
    """
    if task.parent is None or not task.parent.results:
        return Results()
    parent = task.parent
    return StoredResults(
        lambda: _parts(store, parent, persist), lambda: persist(lambda: _read(store, parent)).results
    )


def _read(store: Store, parent: Parent) -> Task:
    try:
        task = lifecycle.get_task(store, parent.id).task
    except NotFound:
        raise _gone(parent) from None
    if task.nonce != parent.nonce:
        raise _gone(parent)
    return task


def _parts(store: Store, parent: Parent, persist: Persist) -> Iterator[Part]:
    task, found = persist(lambda: _read(store, parent)), 0
    for pairs in iterate_chunks(store, task.id, 0, task.count, persist):
        found += len(pairs)
        yield [step for step, _ in pairs], decoded(pairs)
    if found < task.results:  # deleted meanwhile: what is left out must not look like the end
        raise _gone(parent)


def _gone(parent: Parent) -> ResultsGone:
    return ResultsGone(f"the results of task {parent.id} are gone: it was deleted or has expired")
