"""`history`: what was done and failed when, in the last day or month."""

from __future__ import annotations

import click
from rich.text import Text

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer
from donebit.command_line.session import Session
from donebit.command_line.tasks import name
from donebit.formatting import number

COLUMNS = ("from", "steps done", "steps failed", "tasks done", "tasks failed", "tasks cancelled")
FIGURES = tuple(column.replace(" ", "_") for column in COLUMNS[1:])


@click.command(
    short_help="Show what was done and failed when.",
    epilog=examples("donebit history", "donebit history --range 30d --json | jq .steps_failed"),
)
@click.option(
    "--range",
    "of",
    type=click.Choice(["24h", "30d"]),
    default="24h",
    show_default=True,
    help="The last 24 hours by 10 minutes, or the last 30 days by 6 hours.",
)
@as_json
@in_session
def history(session: Session, *, of: str, as_json: bool) -> None:
    """Show how much was done and failed when, oldest first, without the times when nothing was.

    With --json: one bucket of time per line.
    """
    buckets = session.trigger.get("/history", range=of)["buckets"]
    found = [one for one in buckets if any(one[figure] for figure in FIGURES)]
    nothing = f"nothing was done or failed in the last {of}"
    session.terminal.answers(found, COLUMNS, row, nothing=nothing, as_json=as_json)


def row(one: Answer) -> list[Text]:
    return [name(one["start"]), *(name(number(one[figure])) for figure in FIGURES)]
