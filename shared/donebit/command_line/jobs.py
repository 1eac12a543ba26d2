"""`jobs` lists jobs, or the past runs of one."""

from __future__ import annotations

import click
from rich.text import Text

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.tasks import ago
from donebit.command_line.terminal import state_text
from donebit.formatting import count_of, duration, number
from donebit.utf8 import one_line

MOST_RUNS = 500
SHADES = {"d": "█", "p": "▄", "f": "x", "m": "·"}


@click.command(
    short_help="List the jobs, or the past runs of one.",
    epilog=examples("donebit jobs", "donebit jobs demo", "donebit jobs demo --json | jq -r .task_id"),
)
@click.argument("name", metavar="[JOB]", required=False)
@click.option(
    "--limit", type=click.IntRange(1, MOST_RUNS), default=20, show_default=True, help="Runs at most."
)
@as_json
@in_session
def jobs(session: Session, *, name: str | None, limit: int, as_json: bool) -> None:
    """List the jobs with their last runs, or the past runs of one, newest first.

    A run is a strip of at most 64 cells: done, partly done, x for failed, or missing. With --json:
    one job, or one run, per line.
    """
    if name is None:
        for job in session.trigger.get("/jobs")["jobs"]:
            session.terminal.answer(job, job_line, as_json=as_json)
        return
    found = session.trigger.get(f"/jobs/{segment(name)}", limit=limit)
    if not as_json:
        session.terminal.say(Text(one_line(f"{name}: {summary(found['job'])}")))
    for run in found["runs"]:
        session.terminal.answer(run, run_line, as_json=as_json)
    if not found["runs"] and not as_json:
        session.terminal.say("no run is kept")


def summary(job: Answer) -> str:
    first = str(job["description"]).partition("\n")[0]
    return first or ("no docstring" if job["registered"] else "not registered any more")


def job_line(job: Answer) -> Text:
    last = job["last_run"]
    ran = f"{last['end']} {ago(last['ended_at'])}, {count_of(job['runs'], 'run')}" if last else "no run yet"
    return Text.assemble((one_line(job["name"]), "bold"), f" ({ran}): {one_line(summary(job))}")


def run_line(run: Answer) -> Text:
    strip = "".join(SHADES[cell] for cell in run["strip"])
    failed = f", {number(run['failed_steps'])} failed" if run["failed_steps"] else ""
    took = duration(run["took_seconds"])
    steps = f"{number(run['done_steps'])} of {number(run['count'])} steps"
    gone = "" if run["order_kept"] else ", its order is gone"
    return Text.assemble(
        f"{one_line(run['task_id'])} ",
        state_text(run["end"]),
        f" {ago(run['ended_at'])} in {took}: ",
        f"{steps}{failed}{gone} ",
        (strip, "cyan"),
    )
