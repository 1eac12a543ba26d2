"""`audit`: who did what."""

from __future__ import annotations

import click

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer
from donebit.command_line.session import Session
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
    heads = ("time (UTC)", *COLUMNS[1:])
    session.terminal.answers(found["entries"], heads, row, nothing="no entries", as_json=as_json)
    if found["next"] and not as_json:
        session.terminal.note(f"older ones: donebit audit --before {found['next']}")


def row(entry: Answer) -> list[str]:
    return [one_line(entry[column]) for column in COLUMNS]
