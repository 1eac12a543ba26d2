"""`audit`: who did what."""

from __future__ import annotations

from typing import Any

import click
from rich import box
from rich.table import Table

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.session import Session
from donebit.command_line.terminal import Terminal
from donebit.utf8 import one_line

MOST_ENTRIES = 1000
COLUMNS = ("at", "who", "action", "subject", "detail")


@click.command(
    short_help="Show who did what.",
    epilog=examples("donebit audit", "donebit audit -n 1000 --json | jq -r 'select(.action == \"delete\")'"),
)
@click.option(
    "--entries",
    "-n",
    type=click.IntRange(1, MOST_ENTRIES),
    default=100,
    show_default=True,
    help="How many of the newest entries.",
)
@click.option("--before", metavar="ID", help="Only entries older than this one.")
@as_json
@in_session
def audit(session: Session, *, entries: int, before: str | None, as_json: bool) -> None:
    """Show who started, cancelled, deleted and changed what, newest first.

    It takes an admin's token in API_TOKEN.

    Single steps, visits and flags are only counted, in /metrics. With --json: one entry per line.
    """
    found = session.trigger.get("/audit", limit=entries, before=before)
    if as_json:
        for one in found["entries"]:
            session.terminal.as_json(one)
    elif found["entries"]:
        session.terminal.say(table(session.terminal, found["entries"]))
    else:
        session.terminal.say("no entries")
    if found["next"] and not as_json:
        session.terminal.note(f"older ones: donebit audit --before {found['next']}")


def table(terminal: Terminal, found: list[dict[str, Any]]) -> Table:
    """Return a table with a row per entry."""
    made = Table(box=box.SIMPLE_HEAD if terminal.out.is_terminal else None, pad_edge=False, show_edge=False)
    for head in ("time (UTC)", *COLUMNS[1:]):
        made.add_column(head)
    for one in found:
        made.add_row(*(one_line(one[column]) for column in COLUMNS))
    return made
