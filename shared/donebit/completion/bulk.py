"""Which tasks an action on many of them means: by their ids, or by a filter; and which it can be done to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from donebit.completion import chords, lifecycle, listing
from donebit.completion.listing import Filter, TaskPage
from donebit.completion.state import AGAIN, State
from donebit.completion.task import Task
from donebit.errors import NotFound
from donebit.store import Store

MAX_AT_ONCE = 500  # tasks of one request


class Action(StrEnum):
    CANCEL = "cancel"
    DELETE = "delete"
    PAUSE = "pause"
    RESUME = "resume"
    RERUN = "rerun"


def _always(_: Task) -> bool:
    return True


APPLIES: Mapping[Action, Callable[[Task], bool]] = {
    Action.CANCEL: lambda task: task.state is State.RUNNING,
    Action.DELETE: _always,
    Action.PAUSE: lambda task: task.state is State.RUNNING and not task.paused,
    Action.RESUME: lambda task: task.state in AGAIN or task.paused or task.stalled,
    Action.RERUN: lambda task: task.ended,
}
NOT_OF_CHORDS = {Action.PAUSE: "paused", Action.RESUME: "resumed", Action.RERUN: "run again"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A task that was named, and that the action cannot be done to."""

    task_id: str
    why: str


@dataclass(frozen=True, slots=True)
class TasksMeant:
    """The tasks that an action is done to.

    Attributes:
        tasks: the tasks
        skipped: those that were named in vain
        next: the cursor of the selection that follows; None if no more tasks match
        cursors: those of the selections that would begin after each of the tasks; empty if they were named
    """

    tasks: list[Task]
    skipped: list[Skipped]
    next: str | None = None
    cursors: Sequence[str] = ()


def select_by_ids(store: Store, action: Action, ids: Sequence[str]) -> TasksMeant:
    """The tasks of these ids, each once, as far as the action can be done to them."""
    found: list[Task] = []
    skipped: list[Skipped] = []
    for task_id in dict.fromkeys(ids):
        try:
            task = lifecycle.get_task(store, task_id).task
        except NotFound as error:
            skipped.append(Skipped(task_id, error.detail))
            continue
        if why := why_not(action, task):
            skipped.append(Skipped(task_id, why))
        else:
            found.append(task)
    return TasksMeant(found, skipped)


def select_by_filter(
    store: Store, action: Action, wanted: Filter, *, limit: int, cursor: str | None = None
) -> TasksMeant:
    """Up to `limit` tasks that match a filter and that the action can be done to, newest first.

    Args:
        cursor: `next` of the selection before.
    """
    applying = replace(wanted, also=lambda task: why_not(action, task) is None)
    page: TaskPage = listing.list_tasks(store, applying, limit=limit, cursor=cursor)
    return TasksMeant(page.tasks, [], page.next, page.cursors)


def why_not(action: Action, task: Task) -> str | None:
    """Why an action cannot be done to a task; None when it can."""
    if action in NOT_OF_CHORDS and chords.is_chord(task.spec):
        return chords.why_unchangeable(task, NOT_OF_CHORDS[action])
    if APPLIES[action](task):
        return None
    if action is Action.PAUSE and task.paused:
        return f"task {task.id} is paused already"
    return f"task {task.id} is {task.state}, which {action} does not apply to"
