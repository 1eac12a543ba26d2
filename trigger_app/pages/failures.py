"""The failures of a task on its page: by their error, one by one, and tried again by group or by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from donebit import publishing
from donebit.completion import failing, failure_groups
from donebit.completion.failing import ChosenSteps
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import InvalidInput
from donebit.step_numbers import step_range
from donebit.store import Store
from donebit.web.listener import Message, Table
from donebit.web.quotas import admit_again
from donebit.workers import log
from donebit.workers.log import LogLine
from trigger_app.pages.changes import changed
from trigger_app.pages.fragments import fragment
from trigger_app.pages.last_reads import LastReads
from trigger_app.pages.view import PageContext

FAILURES = 20  # on a page
LINES = 20  # warnings and errors of a task
MARKED = 400  # ranges that are shown on the bitmap
GROUP = re.compile(r"[0-9a-f]{8}")
LONGEST_LIST = 10_000  # characters

last_reads = LastReads(timedelta(seconds=2))


def add_button(routes: Blueprint, context: PageContext) -> None:
    """Add the address that failed steps are sent to, to be tried again."""

    @routes.post("/tasks/<task_id>/retry")
    def retry(task_id: str) -> ResponseReturnValue:
        ttls = TaskTtls.from_settings(context.settings)
        admit_again(task_id)
        publishing.retry(context.store, context.publisher, task_id, steps_asked(), ttls)
        return changed(task_id)


def steps_asked() -> ChosenSteps:
    """Read from a form which steps to try again: a group, or a list such as `3, 7-9`.

    Raises:
        InvalidInput: it is neither, or the list is too long.
    """
    if group := request.form.get("group"):
        return ChosenSteps(group=group)
    listed = request.form.get("steps", "")
    if len(listed) > LONGEST_LIST:  # cut, it could name other steps
        raise InvalidInput(f"steps has {len(listed)} characters; at most {LONGEST_LIST}", field="steps")
    try:
        return ChosenSteps(ranges=[step_range(part) for part in listed.split(",")])
    except ValueError:
        asked = f"steps is {listed[:100]!r}; it must be steps and ranges such as 3, 7-9"
        raise InvalidInput(asked, field="steps") from None


def group_asked() -> str | None:
    """The group whose steps the page is about; None for all."""
    group = request.args.get("group", "")
    return group if GROUP.fullmatch(group) else None


def group_parts(store: Store, task: Task, group: str | None) -> dict[str, Any]:
    """Return the variables of what the page shows of failures when it is opened."""
    marked = list(failure_groups.ranges_in(store, task, group))[:MARKED] if group else []
    lines = trouble_lines(store, task)
    return {"group": group, "marked": marked, "trouble": lines, "groups": grouped(store, task)}


def trouble_lines(store: Store, task: Task) -> Sequence[LogLine]:
    """The last warnings and errors about a task, oldest first; none of one of which nothing failed."""
    if not (task.failed_steps or task.failed_attempts):
        return ()
    return log.list_lines(store, task_id=task.id, limit=LINES, loud=True).lines


def trouble_message(context: PageContext, now: Task, before: Table) -> Message:
    """Draw the last warnings and errors, or return what was drawn just now: it takes a search of the log."""
    if last_reads.is_recent(now.id) and (known := before.get("trouble")):
        return known
    root = context.settings.trigger_prefix
    return fragment("trouble", root=root, task_id=now.id, trouble=trouble_lines(context.store, now))


def grouped(store: Store, task: Task) -> list[failure_groups.FailureGroup]:
    return failure_groups.list_groups(store, task)


def listed(store: Store, task: Task, after: int, group: str | None = None) -> failing.FailuresPage:
    return failing.list_failures(store, task, after=after, limit=FAILURES, group=group)


def groups_message(context: PageContext, now: Task, before: Table, **values: Any) -> Message:
    """Draw the groups, or return what was drawn last while nothing has failed since.

    They cost a look at all steps of the task.
    """
    of = f"{now.nonce}.{now.run}.{now.failed_steps}.{now.failed_attempts}"
    if (known := before.get("groups")) and known.get("of") == of:
        return known
    groups = grouped(context.store, now)
    root = context.settings.trigger_prefix
    return {**fragment("groups", root=root, groups=groups, **values), "of": of}
