"""`retention`: of the users who came in a period, how many came back in each of those after it."""

from __future__ import annotations

from itertools import dropwhile
from typing import Any

import click

from donebit.command_line.heat_map import heat_map
from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import printable
from donebit.names import default_event

RETENTION_EXAMPLES = examples(
    "donebit retention login",
    "donebit retention login --granularity day --rows 14 --columns 31",
    "donebit retention signup --return purchase        who signed up: how many bought",
    "donebit retention login --granularity month --from 2026-06-01 --cohort recurring",
    "donebit retention login --json | jq '.averages[1].rate'",
)


@click.command(short_help="Show who comes back, cohort by cohort.", epilog=RETENTION_EXAMPLES)
@click.argument("event", required=False)
@click.option(
    "--granularity", type=click.Choice(["day", "week", "month"]), default="week", show_default=True,
    help="How long the period of a row and of a column is.",
)  # fmt: skip
@click.option(
    "--rows", type=click.IntRange(1), help="How many cohorts.  [default: 12, from the first one on]"
)
@click.option("--columns", type=click.IntRange(1), help="Over how many periods.  [default: 12]")
@click.option(
    "--cohort", type=click.Choice(["first", "recurring"]), default="first", show_default=True,
    help="Who is of a row: those who first came in its period, or all who came in it.",
)  # fmt: skip
@click.option("--return", "returning", metavar="EVENT",
              help="What counts as coming back; the same event if left out.")  # fmt: skip
@click.option("--from", "start", metavar="TIME", help="In the first row's period.")
@click.option("--at", "last", metavar="TIME", help="In the last row's period; now if left out.")
@as_json
@in_session
def retention(session: Session, /, *, event: str | None, as_json: bool, **asked: Any) -> None:
    """Show retention: of the users who first came in a period, the share that came back in each after it.

    A row is a cohort, a column a period: 0 is the row's own, 1 the next. The deeper a cell's shade, the more
    came back; where its period is not over yet, a + follows. "average" is of the periods that are over,
    weighted by the cohorts' sizes. Without EVENT it is that of the sample data, or `distinct`.
    """
    names = {"returning": "return", "start": "from", "last": "at"}
    query = {names.get(name, name): value for name, value in asked.items()}
    matrix = session.distinct.get(f"/events/{segment(event or usual(session))}/retention", **query)
    if as_json:
        session.terminal.as_json(matrix)
        return
    if asked["rows"] is None and asked["start"] is None:
        matrix = matrix | {"rows": since_anybody(matrix["rows"])}
    tell(session, matrix)


def usual(session: Session) -> str:
    """The event that the dashboard shows at first."""
    events = session.distinct.get("/events")["events"]
    return default_event({one["event"] for one in events})


def since_anybody(rows: list[Answer]) -> list[Answer]:
    """The rows from the first on that has users: an event may be younger than twelve weeks."""
    return list(dropwhile(lambda row: not row["users"], rows))


def tell(session: Session, matrix: Answer) -> None:
    if not matrix["rows"]:
        session.terminal.say(f"nobody {came(matrix)} in these {matrix['granularity']}s")
        return
    session.terminal.say(question(matrix))
    session.terminal.say(heat_map(session.terminal, matrix))


def question(matrix: Answer) -> str:
    """What the table answers."""
    event, again = printable(matrix["event"]), printable(matrix["return"])
    back = "came back" if again == event else f"came to {again}"
    period = matrix["granularity"]
    return f"Of those who {came(matrix)} in a {period}, how many {back} so many {period}s later"


def came(matrix: Answer) -> str:
    return f"{'first ' if matrix['cohort'] == 'first' else ''}came to {printable(matrix['event'])}"
