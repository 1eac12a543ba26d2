"""Tasks newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from donebit import clock
from donebit.completion.failure_groups import text_of, texts_of_errors
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.readable import readable
from donebit.store import Store
from donebit.store.answers import ListedTask

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
    job: str | None = None
    prefix: str | None = None  # of the id
    error: str | None = None  # a part of the error of a step that gave up, in either case
    created_from: datetime | None = None
    created_before: datetime | None = None
    also: Callable[[Task], bool] | None = None  # a further condition

    def matches(self, task: Task) -> bool:
        return (
            (self.state is None or task.state is self.state)
            and (self.label is None or task.spec.label == self.label)
            and (task.ended or not self.ended)
            and (self.job is None or task.spec.job == self.job)
            and (self.also is None or self.also(task))
        )

    def may_match(self, task_id: str) -> bool:
        """Whether a task of this id may match, so that its record has to be read."""
        return self.prefix is None or task_id.startswith(self.prefix)

    @property
    def first_us(self) -> int:
        """When the oldest task that can match was created, in us since the epoch."""
        return 0 if self.created_from is None else _microseconds(self.created_from)

    @property
    def start(self) -> tuple[int, str] | None:
        """The place in the index, newest first, after which the tasks stand that can match."""
        return None if self.created_before is None else (_microseconds(self.created_before), "")


def _microseconds(moment: datetime) -> int:
    return clock.ms_since_epoch(moment) * 1000


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks, newest first.

    Attributes:
        tasks: the tasks
        next: the cursor of the next page; None if there are no more
        cursors: those of the pages that would begin after each of these tasks
    """

    tasks: list[Task]
    next: str | None
    cursors: list[str] = field(default_factory=list)


def list_tasks(store: Store, task_filter: Filter, *, limit: int, cursor: str | None = None) -> TaskPage:
    """Up to `limit` tasks that match a filter, newest first; without those that a later version wrote.

    Args:
        cursor: `next` of the previous page; the newest task if left out.

    Raises:
        InvalidInput: the cursor is not the `next` of any page.
    """
    at, entries_read = _earlier(_position(cursor), task_filter.start), 0
    found: list[Task] = []
    cursors: list[str] = []
    size = min(2 * limit + 20, MAX_PAGE_ENTRIES)  # usually enough, and pages are read often
    while entries_read < MAX_ENTRIES_READ:
        read = store.task_index.newest(at[0] if at else None, size, since_us=task_filter.first_us)
        entries = [entry for entry in read if at is None or (entry[1], entry[0]) < at]
        if not entries:
            return TaskPage(found, None, cursors)
        matching = _matching(store, task_filter, entries)
        for task_id, created_us in entries:
            if task := matching.get(task_id):
                if len(found) == limit:  # one more matches, so the next page is not empty
                    return TaskPage(found, _cursor(at) if at else None, cursors)
                found.append(task)
                cursors.append(_cursor((created_us, task_id)))
            at = (created_us, task_id)
            entries_read += 1
        if len(read) < size:
            return TaskPage(found, None, cursors)
        if len(found) == limit:
            break
        size = MAX_PAGE_ENTRIES
    return TaskPage(found, _cursor(at) if at else None, cursors)


def _matching(store: Store, task_filter: Filter, entries: Sequence[ListedTask]) -> dict[str, Task]:
    """The tasks of these entries that match, by their ids."""
    ids = [one.task_id for one in entries if task_filter.may_match(one.task_id)]
    records = zip(ids, store.tasks.records(ids), strict=True)
    found = [task for task in readable(Task.from_record, records) if task_filter.matches(task)]
    if task_filter.error is not None:
        found = _failed_so(store, task_filter.error, found)
    return {task.id: task for task in found}


def _failed_so(store: Store, error: str, tasks: Sequence[Task]) -> list[Task]:
    """Those of the tasks of which a step gave up and an error has this text, whatever its numbers and ids."""
    failed, wanted = [task for task in tasks if task.failed_steps], text_of(error).casefold()
    texts = store.failures.group_texts([task.id for task in failed])
    return [
        task
        for task, of_task in zip(failed, texts, strict=True)
        if any(wanted in text.casefold() for text in of_task or texts_of_errors(store, task))
    ]


def list_running(store: Store) -> list[Task]:
    """The running tasks, newest first, at most a hundred."""
    names = store.task_index.open_tasks(FOR_EVER_MS, MAX_RUNNING)
    records = zip(names, store.tasks.records(names), strict=True)
    found = [task for task in readable(Task.from_record, records) if not task.ended]
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


def _earlier(one: tuple[int, str] | None, other: tuple[int, str] | None) -> tuple[int, str] | None:
    """The place that stands further down the index; None for its top."""
    return min((place for place in (one, other) if place is not None), default=None)


def _position(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    created_us, dash, task_id = cursor.partition("-")
    if not (dash and created_us.isascii() and created_us.isdigit() and len(created_us) <= 17):
        raise InvalidInput(
            f"cursor is {cursor[:120]!r}; it must be the `next` of an earlier page", field="cursor"
        )
    return int(created_us), task_id
