"""Tasks newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.store import Store

MAX_PAGE_ENTRIES = 200  # entries of the index in one read
MAX_RUNNING = 100
RECORDS_AT_ONCE = 500
FOR_EVER_MS = 2**53
MAX_ENTRIES_READ = 5_000  # so that a filter with few matches does not read the whole index in one request


@dataclass(frozen=True, slots=True)
class Filter:
    state: State | None = None
    label: str | None = None
    ended: bool = False  # only tasks that have ended

    def matches(self, task: Task) -> bool:
        return (
            (self.state is None or task.state is self.state)
            and (self.label is None or task.spec.label == self.label)
            and (task.ended or not self.ended)
        )


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks, newest first, and the cursor of the next page, if there may be more."""

    tasks: list[Task]
    next: str | None


def list_tasks(store: Store, task_filter: Filter, *, limit: int, cursor: str | None = None) -> TaskPage:
    """Up to `limit` tasks that match a filter, newest first.

    Args:
        cursor: `next` of the previous page; the newest task if left out.

    Raises:
        InvalidInput: the cursor is not the `next` of any page.
    """
    at, entries_read = _position(cursor), 0
    found: list[Task] = []
    size = min(2 * limit + 20, MAX_PAGE_ENTRIES)  # usually enough, and pages are read often
    while entries_read < MAX_ENTRIES_READ:
        read = store.task_index.newest(at[0] if at else None, size)
        entries = [entry for entry in read if at is None or (entry[1], entry[0]) < at]
        if not entries:
            return TaskPage(found, None)
        records = store.tasks.records(task_id for task_id, _ in entries)
        for (task_id, created_us), record in zip(entries, records, strict=True):
            if record and task_filter.matches(task := Task.from_record(task_id, record)):
                if len(found) == limit:  # one more matches, so the next page is not empty
                    return TaskPage(found, _cursor(at) if at else None)
                found.append(task)
            at = (created_us, task_id)
            entries_read += 1
        if len(read) < size:
            return TaskPage(found, None)
        if len(found) == limit:
            break
        size = MAX_PAGE_ENTRIES
    return TaskPage(found, _cursor(at) if at else None)


def list_running(store: Store) -> list[Task]:
    """The running tasks, newest first, at most a hundred."""
    names = store.task_index.open_tasks(FOR_EVER_MS, MAX_RUNNING)
    records = zip(names, store.tasks.records(names), strict=True)
    opened = [Task.from_record(name, record) for name, record in records if record]
    found = [task for task in opened if not task.ended]
    return sorted(found, key=lambda task: task.created_at, reverse=True)


def open_and_new(store: Store, since: datetime) -> tuple[set[str], set[str]]:
    """The ids of the open tasks, and of those created since a moment."""
    return store.task_index.open_and_new(int(since.timestamp() * 1e6))


def iterate_records(store: Store, task_ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each id with the task's record, empty where there is none; some hundred read at a time."""
    for first in range(0, len(task_ids), RECORDS_AT_ONCE):
        some = task_ids[first : first + RECORDS_AT_ONCE]
        yield from zip(some, store.tasks.records(some), strict=True)


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
