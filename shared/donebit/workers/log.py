"""The workers' last lines, of all tasks or of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from donebit import clock
from donebit.store import Store
from donebit.store.worker_log import Entry

READ_AT_ONCE = 1000
BEFORE_ALL = "0-0"  # an id that every line comes after


@dataclass(frozen=True, slots=True)
class Line:
    """What a worker said."""

    id: str  # of the stream: those of later lines are greater, by both of their numbers
    at: datetime
    level: str
    worker: str  # <host>:<pid> of the worker
    pid: int  # of the worker's process that said it
    task_id: str | None  # the task it is about
    text: str  # with the traceback, where there is one

    @classmethod
    def of(cls, entry: Entry) -> Line:
        """Raises KeyError, TypeError or ValueError for what no worker of this version wrote."""
        said = json.loads(entry.text)
        return cls(
            id=entry.id,
            at=clock.moment_of_ms(int(said["at"])),
            level=str(said["level"]),
            worker=str(said["worker"]),
            pid=int(said["pid"]),
            task_id=said["task"] or None,
            text=str(said["text"]),
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, the oldest first, and the id to go on from with `after`."""

    lines: Sequence[Line]
    next: str


def list_lines(store: Store, *, task_id: str | None = None, limit: int, after: str | None = None) -> LogPage:
    """The last `limit` lines; or the first `limit` of those that came after an id.

    Only about one task, if it is given. What is kept of the log is searched, 10,000 lines at the most.
    """
    return _last(store, task_id, limit) if after is None else _following(store, task_id, limit, after)


def _last(store: Store, task_id: str | None, limit: int) -> LogPage:
    found: list[Line] = []
    newest = before = None
    while len(found) < limit:
        entries = store.worker_log.newest(READ_AT_ONCE if task_id else limit, before)
        if not entries:
            break
        newest, before = newest or entries[0].id, entries[-1].id
        found += lines(entries, task_id)
    return LogPage(found[:limit][::-1], newest or BEFORE_ALL)


def _following(store: Store, task_id: str | None, limit: int, after: str) -> LogPage:
    found: list[Line] = []
    while len(found) < limit:
        entries = store.worker_log.after(after, READ_AT_ONCE)
        if not entries:
            break
        after = entries[-1].id
        found += lines(entries, task_id)
        if len(entries) < READ_AT_ONCE:
            break
    return LogPage(found[:limit], found[limit - 1].id if len(found) >= limit else after)


def lines(entries: Iterable[Entry], task_id: str | None = None) -> Iterator[Line]:
    """What can be read of them, about one task if it is given."""
    for entry in entries:
        if task_id is not None and task_id.encode() not in entry.text:  # cheaper than to parse it
            continue
        try:
            line = Line.of(entry)
        except (KeyError, TypeError, ValueError):
            continue
        if task_id in (None, line.task_id):
            yield line


def place(line_id: str) -> tuple[int, int]:
    """An id as numbers, which can be compared."""
    ms, _, number = line_id.partition("-")
    return int(ms), int(number)
