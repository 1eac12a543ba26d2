"""What a browser is notified of: the ends of the tasks that somebody waits for, whatever page is open."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint

from donebit.completion import listing
from donebit.completion.task import Task
from donebit.formatting import duration, number
from donebit.names import is_name
from donebit.readable import readable
from donebit.web.listener import Message, Table
from trigger_app.pages.view import PageContext, View

MOST = 20  # tasks that one browser waits for


def add_routes(_: Blueprint, __: PageContext) -> None:
    """Add nothing: it is no page, but a stream for every page."""


def read_ends(context: PageContext, about: str, before: Table) -> Table:
    """Read which of some tasks have ended or are gone.

    Args:
        about: their ids, with commas between
    """
    waiting = [one for one in about.split(",")[:MOST] if one not in before and is_name(one)]
    records = listing.iterate_records(context.store, waiting)
    return {**before, **{one: end for one, record in records if (end := end_of(one, record))}}


def end_of(task_id: str, record: Mapping[str, str]) -> Message | None:
    """Word the end of a task for a notification; only its id if it is gone, None while it runs.

    Of one that a later version wrote nothing is known either.
    """
    if not record:
        return {"task_id": task_id}
    task = next(readable(Task.from_record, [(task_id, record)]), None)
    if task is None or not task.ended:
        return None
    failed = f", {number(task.failed_steps)} failed" if task.failed_steps else ""
    took = f" in {duration(task.took.total_seconds())}" if task.took else ""
    text = f"{number(task.done_steps)} of {number(task.count)} steps done{failed}{took}"
    return {"task_id": task_id, "title": f"Task {task.spec.label or task_id}: {task.state}", "text": text}


VIEW = View("ends", "", "", add_routes, read_ends)
