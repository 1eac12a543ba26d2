"""Tasks newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.store import Store

LOOKED_AT = 200  # entries of the index a read takes
OPEN_LOOKED_AT = 100
FOR_EVER_MS = 2**53
MOST_LOOKED_AT = 5_000  # a filter that matches little must not read the whole index in one request


@dataclass(frozen=True, slots=True)
class Filter:
    state: State | None = None
    label: str | None = None
    ended: bool = False  # only tasks that have

    def matches(self, task: Task) -> bool:
        return (
            (self.state is None or task.state is self.state)
            and (self.label is None or task.spec.label == self.label)
            and (task.ended or not self.ended)
        )


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks, newest first, and where to go on, if there may be more."""

    tasks: list[Task]
    next: str | None


def list_tasks(store: Store, wanted: Filter, *, limit: int, cursor: str | None = None) -> TaskPage:
    """Up to `limit` tasks that match, from `cursor` on.

    Raises:
        InvalidInput: the cursor is none that an earlier page gave.
    """
    at, looked_at = _position(cursor), 0
    found: list[Task] = []
    size = min(2 * limit + 20, LOOKED_AT)  # as a rule that is enough, and pages are read often
    while looked_at < MOST_LOOKED_AT:
        read = store.tasks.newest(at[0] if at else None, size)
        entries = [entry for entry in read if at is None or (entry[1], entry[0]) < at]
        if not entries:
            return TaskPage(found, None)
        records = store.tasks.records(task_id for task_id, _ in entries)
        for (task_id, created_us), record in zip(entries, records, strict=True):
            if record and wanted.matches(task := Task.from_record(task_id, record)):
                if len(found) == limit:  # one more than asked for: so the next page is not empty
                    return TaskPage(found, _cursor(at) if at else None)
                found.append(task)
            at = (created_us, task_id)
            looked_at += 1
        if len(read) < size:
            return TaskPage(found, None)
        if len(found) == limit:
            break
        size = LOOKED_AT
    return TaskPage(found, _cursor(at) if at else None)


def running(store: Store) -> list[Task]:
    """The tasks that run, newest first, a hundred at most."""
    names = store.tasks.open_tasks(FOR_EVER_MS, OPEN_LOOKED_AT)
    records = zip(names, store.tasks.records(names), strict=True)
    opened = [Task.from_record(name, record) for name, record in records if record]
    found = [task for task in opened if not task.ended]
    return sorted(found, key=lambda task: task.created_at, reverse=True)


def _cursor(at: tuple[int, str]) -> str:
    return f"{at[0]}-{at[1]}"


def _position(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    created_us, dash, task_id = cursor.partition("-")
    if not (dash and created_us.isascii() and created_us.isdigit() and len(created_us) <= 17):
        raise InvalidInput(
            f"cursor is {cursor[:120]!r}; it must be the `next` of an earlier page", field="cursor"
        )
    return int(created_us), task_id
