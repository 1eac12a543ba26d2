"""`schedules`: lists, makes, changes, pauses, resumes, runs and deletes schedules."""

from __future__ import annotations

import uuid
from typing import Any

import click
from rich.text import Text

from donebit import schedule_calls
from donebit.command_line.options import Seconds, as_json, confirmed, examples, in_session, yes
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.task_options import task_fields, task_options
from donebit.command_line.tasks import ago, name
from donebit.command_line.trigger import print_started
from donebit.formatting import count_of
from donebit.priority import HIGH
from donebit.utf8 import one_line

COLUMNS = ("schedule", "cron", "zone", "next", "last", "last task")


@click.group(
    short_help="Start tasks by the clock.",
    epilog=examples(
        "donebit schedules set nightly '30 2 * * *' --zone Europe/Berlin --count 500 --job resize",
        "donebit schedules list --json | jq -r .next_at",
        "donebit schedules pause nightly",
        "donebit schedules run nightly            once, now",
    ),
)
def schedules() -> None:
    """Start tasks by the clock: list, set, pause, resume, run and delete schedules."""


@schedules.command("list")
@as_json
@in_session
def list_schedules(session: Session, *, as_json: bool) -> None:
    """List all schedules by name. With --json: one schedule per line."""
    found = session.run(schedule_calls.list_all())
    nothing = "no schedules: donebit schedules set NAME CRON --count N --job JOB makes one"
    session.terminal.answers(found, COLUMNS, row, nothing=nothing, as_json=as_json)


@schedules.command()
@click.argument("schedule", metavar="NAME")
@as_json
@in_session
def show(session: Session, *, schedule: str, as_json: bool) -> None:
    """Show one schedule and its next firings."""
    found = session.trigger.get(f"/schedules/{segment(schedule)}")
    session.terminal.answer(found, describe, as_json=as_json)


@schedules.command(
    "set",
    epilog=examples(
        "donebit schedules set nightly '30 2 * * *' --zone Europe/Berlin --count 500 --job resize",
        "donebit schedules set hourly @hourly --count 1 --job sync --time-param until --missed all",
    ),
)
@click.argument("schedule", metavar="NAME")
@click.argument("cron")
@click.option(
    "--zone", help="Whose wall clock is meant, such as Europe/Berlin.  [default: the services' ZONE]"
)
@click.option("--count", type=int, help="The steps of each task.")
@click.option("--label", help="A label of its tasks.  [default: NAME]")
@task_options
@click.option(
    "--missed",
    type=click.Choice(["none", "latest", "all"]),
    default="latest",
    show_default=True,
    help="Which firings are made up for that nobody could start in time.",
)
@click.option(
    "--overlap",
    type=click.Choice(["skip", "queue", "allow"]),
    default="skip",
    show_default=True,
    help="What a firing does while the last task still runs.",
)
@click.option(
    "--grace", type=Seconds(), metavar="SECONDS", help="After so long a firing is missed.  [default: 60]"
)
@click.option("--time-param", help="A parameter of the job that is given the time of the firing.")
@as_json
@in_session
def set_schedule(session: Session, /, *, schedule: str, cron: str, as_json: bool, **asked: Any) -> None:
    """Make the schedule NAME, or replace it: CRON is minute, hour, day, month and weekday, or @daily.

    Options that are left out are as if it were new, whatever it had before; a paused one stays paused.
    """
    fields = task_fields(asked)
    made = session.run(schedule_calls.schedule(schedule, cron, fields.pop("params", None), fields))
    session.terminal.answer(made, describe, as_json=as_json)


def change(session: Session, schedule: str, action: str, *, as_json: bool) -> None:
    changed = session.trigger.ask("POST", f"/schedules/{segment(schedule)}/{action}")
    session.terminal.answer(changed, describe, as_json=as_json)


@schedules.command()
@click.argument("schedule", metavar="NAME")
@as_json
@in_session
def pause(session: Session, *, schedule: str, as_json: bool) -> None:
    """Pause a schedule: nothing fires until it is resumed."""
    change(session, schedule, "pause", as_json=as_json)


@schedules.command()
@click.argument("schedule", metavar="NAME")
@as_json
@in_session
def resume(session: Session, *, schedule: str, as_json: bool) -> None:
    """Resume a paused schedule. What was due meanwhile is not made up for."""
    change(session, schedule, "resume", as_json=as_json)


@schedules.command()
@click.argument("schedule", metavar="NAME")
@as_json
@in_session
def run(session: Session, *, schedule: str, as_json: bool) -> None:
    """Start a schedule's task now, out of turn."""
    path = f"/schedules/{segment(schedule)}/run"
    started = session.trigger.ask("POST", path, key=uuid.uuid4().hex)
    if as_json:
        session.terminal.as_json(started)
    else:
        print_started(session, started)


@schedules.command()
@click.argument("schedule", metavar="NAME")
@yes
@as_json
@in_session
def delete(session: Session, *, schedule: str, yes: bool, as_json: bool) -> None:
    """Delete a schedule. The tasks that it has started stay."""
    if not confirmed(session, f"Delete schedule {one_line(schedule)}?", sure=yes):
        return
    session.trigger.ask("DELETE", f"/schedules/{segment(schedule)}")
    deleted = {"name": schedule, "deleted": True}
    session.terminal.answer(deleted, lambda it: f"schedule {it['name']} is deleted", as_json=as_json)


def describe(schedule: Answer) -> str:
    """Return a schedule in a few lines."""
    task = schedule["task"]
    by = f"of {task['job']}" if "job" in task else "to report via the API"
    high = ", high priority" if task.get("priority") == HIGH else ""
    firings = "paused" if schedule["paused"] else ", ".join(schedule["upcoming"][:2])
    lines = [
        f"schedule {schedule['name']}: {schedule['cron']} ({schedule['zone']}), "
        f"{count_of(task['count'], 'step')} {by}{high}",
        f"next: {firings}",
        f"started {schedule['started']}, skipped {schedule['skipped']}, missed {schedule['left_out']}, "
        f"waiting {schedule['waiting']}",
    ]
    if schedule["last_task_id"]:
        lines.append(f"last task: {schedule['last_task_id']}")
    return one_line("\n".join(lines), keep="\n")


def row(one: Answer) -> list[Text]:
    last = ago(one["last_firing_at"]) if one["last_firing_at"] else ""
    following = "paused" if one["paused"] else one["next_at"] or ""
    texts = (one["name"], one["cron"], one["zone"], following, last, one["last_task_id"] or "")
    return [name(text) for text in texts]
