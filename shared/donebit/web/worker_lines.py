"""The workers' lines as a feed reads them: a window that moves on with the log."""

from __future__ import annotations

from donebit.store import Store
from donebit.web.listener import Message, Table
from donebit.web.workers_summary import LineSummary
from donebit.workers import log
from donebit.workers.log import sort_key

# Lines that are held for whoever comes: what is written between a client's look and its stream, and more.
WINDOW = 1000


def tail(
    store: Store, told: Table, after: str | None, *, task_id: str | None = None, window: int = WINDOW
) -> tuple[dict[str, Message], str]:
    """The last lines by their ids, and the id to go on from.

    Args:
        told: the lines of the read before
        after: the id that it went on from; None at first
    """
    page = log.list_lines(store, task_id=task_id, limit=window, after=after)
    lines = {line.id: LineSummary.of(line).model_dump() for line in page.lines}
    return dict(list({**told, **lines}.items())[-window:]), page.next


class Later:
    """Which lines a client gets: those after the last that it had, each once, and of one task if it is named.

    After an outage a feed tells its clients all that there is; of a log they have had most of it.
    """

    def __init__(self, line_id: str, task_id: str | None = None) -> None:
        self._last, self._task_id = sort_key(line_id), task_id

    def __call__(self, told: Message) -> bool:
        here = sort_key(told["id"])
        if here <= self._last or self._task_id not in (None, told["task_id"]):
            return False
        self._last = here
        return True
