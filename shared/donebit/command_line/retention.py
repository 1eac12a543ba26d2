"""`retention` shows the share of each cohort that came back, period by period."""

from __future__ import annotations

from itertools import dropwhile
from typing import Any

import click

from donebit.command_line.heat_map import heat_map
from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.names import default_event
from donebit.utf8 import one_line

RETENTION_EXAMPLES = examples(
    "donebit retention login",
    "donebit retention login --granularity day --rows 14 --columns 31",
    "donebit retention signup --return purchase        who bought after signing up",
    "donebit retention login --granularity month --from 2026-06-01 --cohort recurring",
    "donebit retention login --json | jq '.averages[1].rate'",
)


@click.command(short_help="Show retention: how many users come back.", epilog=RETENTION_EXAMPLES)
@click.argument("event", required=False)
@click.option(
    "--granularity", type=click.Choice(["day", "week", "month"]), default="week", show_default=True,
    help="Length of the periods.",
)  # fmt: skip
@click.option(
    "--rows", type=click.IntRange(1), help="How many cohorts.  [default: 12, without empty ones at the start]"
)
@click.option("--columns", type=click.IntRange(1), help="How many periods.  [default: 12]")
@click.option(
    "--cohort", type=click.Choice(["first", "recurring"]), default="first", show_default=True,
    help="A cohort: users whose first visit was in its period, or all who came in it.",
)  # fmt: skip
@click.option("--return", "returning", metavar="EVENT",
              help="The event that counts as coming back.  [default: EVENT]")  # fmt: skip
@click.option("--from", "start", metavar="TIME", help="A time in the first cohort's period.")
@click.option("--at", "last", metavar="TIME", help="A time in the last cohort's period.  [default: now]")
@as_json
@in_session
def retention(session: Session, /, *, event: str | None, as_json: bool, **asked: Any) -> None:
    """Show retention: of the users who first came in a period, the share that came back in each later one.

    Each row is a cohort. Column 0 is the cohort's own period, column 1 the next. A deeper shade means that
    more users came back; + marks a period that is not over yet. The average is weighted by cohort size and
    leaves those out. EVENT defaults to that of the sample data, else to `distinct`.
    """
    names = {"returning": "return", "start": "from", "last": "at"}
    query = {names.get(name, name): value for name, value in asked.items()}
    matrix = session.distinct.get(
        f"/events/{segment(event_to_show(session) if event is None else event)}/retention", **query
    )
    if as_json:
        session.terminal.as_json(matrix)
        return
    if asked["rows"] is None and asked["start"] is None:
        matrix = matrix | {"rows": from_first_users(matrix["rows"])}
    print_matrix(session, matrix)


def event_to_show(session: Session) -> str:
    """Return the event that the dashboard shows first."""
    events = session.distinct.get("/events")["events"]
    return default_event({one["event"] for one in events})


def from_first_users(rows: list[Answer]) -> list[Answer]:
    """Drop the empty rows at the start: an event may be younger than twelve weeks."""
    return list(dropwhile(lambda row: not row["users"], rows))


def print_matrix(session: Session, matrix: Answer) -> None:
    if not matrix["rows"]:
        session.terminal.say(f"nobody {came(matrix)} in these {matrix['granularity']}s")
        return
    session.terminal.say(question(matrix))
    session.terminal.say(heat_map(session.terminal, matrix))


def question(matrix: Answer) -> str:
    """Return the heading of the table."""
    event, again = one_line(matrix["event"]), one_line(matrix["return"])
    back = "came back" if again == event else f"came to {again}"
    period = matrix["granularity"]
    return f"Of the users who {came(matrix)} in a {period}, the share that {back} N {period}s later"


def came(matrix: Answer) -> str:
    return f"{'first ' if matrix['cohort'] == 'first' else ''}came to {one_line(matrix['event'])}"
