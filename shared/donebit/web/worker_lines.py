"""The workers' log lines for a live stream: a window that moves on with the log."""

from __future__ import annotations

from donebit.store import Store
from donebit.web.listener import Message, Table
from donebit.web.workers_summary import LineSummary
from donebit.workers import log
from donebit.workers.log import sort_key

# Lines that are held for new clients: those written between a client's first read and its stream, and more.
WINDOW = 1000


def tail(
    store: Store,
    lines: Table,
    after: str | None,
    *,
    task_id: str | None = None,
    step: int | None = None,
    window: int = WINDOW,
) -> tuple[dict[str, Message], str]:
    """Read the lines that are new, and add them to those known.

    Args:
        store: the store
        lines: the result of the last call, by line id; empty at first
        after: the id that the last call returned; None at first
        task_id: read only the lines about this task
        step: read only those about this step of it
        window: how many lines to keep at most

    Returns:
        The last lines by their ids, and the id after which the next call continues.
    """
    page = log.list_lines(store, task_id=task_id, step=step, limit=window, after=after)
    new = {line.id: LineSummary.of(line).model_dump() for line in page.lines}
    return dict(list({**lines, **new}.items())[-window:]), page.next


class Later:
    """Selects the lines that a client gets: later ones, each once, of a task or step if named.

    After an outage a feed sends its clients the whole current state; of a log they have had most of it.
    """

    def __init__(self, line_id: str, task_id: str | None = None, step: int | None = None) -> None:
        self._last, self._task_id, self._step = sort_key(line_id), task_id, step

    def __call__(self, line: Message) -> bool:
        here = sort_key(line["id"])
        wanted = self._task_id in (None, line["task_id"]) and self._step in (None, line["step"])
        if here <= self._last or not wanted:
            return False
        self._last = here
        return True
