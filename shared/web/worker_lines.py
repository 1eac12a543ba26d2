"""The workers' lines as a feed reads them: a window that moves on with the log."""

from __future__ import annotations

from shared.store import Store
from shared.store.worker_log import Entry
from shared.web.listener import Choice, Message, Table
from shared.web.workers_summary import LineSummary
from shared.workers.log import lines, place

# Lines that are held for whoever comes: what is written between a client's look and its stream, and more.
WINDOW = 1000


def tail(store: Store, before: Table) -> dict[str, Message]:
    """The last lines by their ids, given those of the read before; at first, or after none, the newest."""
    told = dict(before)
    for line in lines(_news(store, next(reversed(told), None))):
        told[line.id] = LineSummary.of(line).model_dump()
    for line_id in list(told)[:-WINDOW]:
        del told[line_id]
    return told


def _news(store: Store, last: str | None) -> list[Entry]:
    if last is None:
        return store.worker_log.newest(WINDOW)[::-1]
    return store.worker_log.after(last, WINDOW)


def about(task_id: str | None) -> Choice:
    """Those about a task, if one is named."""
    return lambda told: task_id is None or told["task_id"] == task_id


def later_than(line_id: str) -> Choice:
    return lambda told: place(told["id"]) > place(line_id)
