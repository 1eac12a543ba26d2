"""`act` does one thing to many tasks, by a filter."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import click

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.options import as_json, confirmed, examples, in_session, task_filter, yes
from donebit.command_line.service import Answer
from donebit.command_line.session import Session
from donebit.formatting import count_of

PAGE = 500
DONE = {
    "cancel": "cancelled",
    "delete": "deleted",
    "pause": "paused",
    "resume": "resumed",
    "rerun": "run again",
}


@click.command(
    short_help="Cancel, delete, pause, resume or rerun all tasks of a filter.",
    epilog=examples(
        "donebit act resume --state failed --label nightly --dry-run",
        "donebit act resume --state failed --label nightly",
        "donebit act delete --prefix test- --to 2026-11-01 --yes",
    ),
)
@click.argument("action", type=click.Choice(list(DONE)))
@task_filter
@click.option("--dry-run", is_flag=True, help="List the tasks, and change nothing.")
@yes
@as_json
@in_session
def act(session: Session, /, *, action: str, dry_run: bool, yes: bool, as_json: bool, **filters: Any) -> None:
    """Do ACTION to every task that matches all filters given, and that it applies to.

    With --json: an object with the tasks' ids per request of at most 500.
    """
    wanted = {name.removesuffix("_"): value for name, value in filters.items() if value is not None}
    if not wanted:
        raise UsageError(
            "act takes at least one filter: --state, --label, --job, --prefix, --error, --from or --to"
        )
    question = f"{action.capitalize()} every task of this filter? --dry-run lists them."
    if not (dry_run or confirmed(session, question, sure=yes)):
        return
    changed = 0
    for page in pages(session, {"action": action, "dry_run": dry_run, "limit": PAGE, **wanted}):
        changed += len(page["tasks"])
        show(session, action, page, as_json=as_json)
    if not as_json:
        would = "would be " if dry_run else ""
        session.terminal.say(f"{count_of(changed, 'task')} {would}{DONE[action]}")


def pages(session: Session, body: dict[str, Any]) -> Iterator[Answer]:
    """Yield the answer to each request, until no more tasks match."""
    while True:
        page = session.done.ask("POST", "/tasks/actions", body, key=uuid.uuid4().hex)
        yield page
        if page["next"] is None:
            return
        body = {**body, "cursor": page["next"]}


def show(session: Session, action: str, page: Answer, *, as_json: bool) -> None:
    if as_json:
        session.terminal.as_json(page)
        return
    for task_id in page["tasks"]:
        would = "would be " if page["dry_run"] else "is "
        session.terminal.say(f"task {task_id} {would}{DONE[action]}")
    for one in page["skipped"]:
        session.terminal.note(one["detail"])
