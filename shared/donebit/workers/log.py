"""The workers' last log lines, about all tasks or one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from donebit import clock
from donebit.store import Store
from donebit.store.worker_log import MOST_LINES, Entry
from donebit.utf8 import printable

READ_AT_ONCE = 1000
MAX_LINES = MOST_LINES  # kept of the log, about
FIRST_ID = "0-0"  # lower than the id of any line


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line of a worker."""

    id: str  # of the stream, two numbers: those of later lines are greater
    at: datetime
    level: str
    worker: str  # its name, <host>:<pid> of the worker and a random part
    pid: int  # of the process that logged it
    task_id: str | None  # the task it is about
    step: int | None  # the step of it
    text: str  # with the traceback, where there is one

    @classmethod
    def from_entry(cls, entry: Entry) -> LogLine:
        """The line of an entry of the stream.

        Raises:
            KeyError, TypeError, ValueError: no worker of this version wrote the entry.
        """
        fields = json.loads(entry.text)
        return cls(
            id=entry.id,
            at=clock.moment_of_ms(int(fields["at"])),
            level=printable(str(fields["level"])),
            worker=str(fields["worker"]),
            pid=int(fields["pid"]),
            task_id=fields["task"] or None,
            step=fields.get("step"),  # a worker of an earlier version named none
            text=printable(str(fields["text"])),  # a step may log half a character, as in a file's name
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines, oldest first, and the id to pass as `after` to get later ones."""

    lines: Sequence[LogLine]
    next: str


def list_lines(
    store: Store,
    *,
    task_id: str | None = None,
    step: int | None = None,
    limit: int,
    after: str | None = None,
    loud: bool = False,
) -> LogPage:
    """The last `limit` lines, or the first `limit` of those after an id.

    Args:
        loud: warnings and errors alone, which are kept apart, so that other lines do not push them out; they
            have ids of their own there.
        task_id: only lines about this task; at most the 10,000 lines that are kept are searched.
        step: only lines about this step of it, or of any task.
        after: the id of a line.
    """
    if after is None:
        return _last(store, task_id, step, limit, loud=loud)
    return _following(store, task_id, step, limit, after, loud=loud)


def _last(store: Store, task_id: str | None, step: int | None, limit: int, *, loud: bool) -> LogPage:
    found: list[LogLine] = []
    newest = oldest = None
    while len(found) < limit:
        count = limit if task_id is None and step is None else READ_AT_ONCE
        entries = store.worker_log.newest(count, oldest, loud=loud)
        if not entries:
            break
        newest, oldest = newest or entries[0].id, entries[-1].id
        found += parse_lines(entries, task_id, step)
    return LogPage(found[:limit][::-1], newest or FIRST_ID)


def _following(
    store: Store, task_id: str | None, step: int | None, limit: int, after: str, *, loud: bool
) -> LogPage:
    found: list[LogLine] = []
    while len(found) < limit:
        entries = store.worker_log.after(after, READ_AT_ONCE, loud=loud)
        if not entries:
            break
        after = entries[-1].id
        found += parse_lines(entries, task_id, step)
        if len(entries) < READ_AT_ONCE:
            break
    return LogPage(found[:limit], found[limit - 1].id if len(found) >= limit else after)


def parse_lines(
    entries: Iterable[Entry], task_id: str | None = None, step: int | None = None
) -> Iterator[LogLine]:
    """The lines of the entries that can be parsed, about one task, or one step of it, if it is given."""
    for entry in entries:
        if task_id is not None and task_id.encode() not in entry.text:  # cheaper than parsing it
            continue
        try:
            line = LogLine.from_entry(entry)
        except (KeyError, TypeError, ValueError):
            continue
        if task_id in (None, line.task_id) and step in (None, line.step):
            yield line


def sort_key(line_id: str) -> tuple[int, int]:
    """A line's id as two numbers, to compare ids by."""
    ms, _, number = line_id.partition("-")
    return int(ms), int(number)
