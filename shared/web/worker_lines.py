"""The workers' lines as a feed reads them: a window that moves on with the log."""

from __future__ import annotations

from shared.store import Store
from shared.store.worker_log import Entry
from shared.web.listener import Message, Table
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


class Later:
    """Which lines a client gets: those after the last that it had, each once, and of one task if it is named.

    After an outage a feed tells its clients all that there is; of a log they have had most of it.
    """

    def __init__(self, line_id: str, task_id: str | None = None) -> None:
        self._last, self._task_id = place(line_id), task_id

    def __call__(self, told: Message) -> bool:
        here = place(told["id"])
        if here <= self._last or self._task_id not in (None, told["task_id"]):
            return False
        self._last = here
        return True
