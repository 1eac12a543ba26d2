"""`results` prints what the steps of a task returned."""

from __future__ import annotations

import json

import click
from rich.text import Text

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session

RESULTS_PER_PAGE = 10_000


@click.command(
    short_help="Print what the steps of a task returned.",
    epilog=examples("donebit results words --steps 2,7", "donebit results words --json > results.ndjson"),
)
@click.argument("task_id", metavar="ID")
@click.option("--steps", metavar="STEPS", help="Only these, with commas between them, such as 2,7.")
@as_json
@in_session
def results(session: Session, *, task_id: str, steps: str | None, as_json: bool) -> None:
    """Print what the steps of a task returned, in their order. With --json: one step per line.

    Steps that failed, or are done without a result, are left out.
    """
    path = f"/tasks/{segment(task_id)}/results"
    after: int | None = 0
    limit = None if steps else RESULTS_PER_PAGE
    found = 0
    while after is not None:
        page = session.done.get(path, steps=steps, after=after, limit=limit)
        for one in page["results"]:
            session.terminal.answer(one, result_line, as_json=as_json)
        found += len(page["results"])
        after = page["next"]
    if not found and not as_json:
        session.terminal.say("no step has a result")


def result_line(one: Answer) -> Text:
    return Text(f"step {one['step']}: {json.dumps(one['result'], ensure_ascii=False)}")
