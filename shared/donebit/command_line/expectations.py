"""`expectations`: lists, makes, changes and deletes expectations."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from donebit.command_line.options import as_json, confirmed, examples, in_session, yes
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.tasks import name
from donebit.formatting import expected_task
from donebit.utf8 import one_line

COLUMNS = ("expectation", "expected", "state", "deadlines", "zone", "next", "missed")


@click.group(
    short_help="Be told when a task is not done in time.",
    epilog=examples(
        "donebit expectations set backup '0 3 * * *' --zone Europe/Berlin --label backup",
        "donebit expectations list --json | jq .met",
        "donebit expectations delete backup",
    ),
)
def expectations() -> None:
    """Announce when no task was done, or started, before a deadline: list, set and delete expectations."""


@expectations.command("list")
@as_json
@in_session
def list_expectations(session: Session, *, as_json: bool) -> None:
    """List all expectations by name. With --json: one expectation per line."""
    found = session.trigger.get("/expectations")["expectations"]
    nothing = "no expectations: donebit expectations set NAME CRON --label LABEL makes one"
    session.terminal.answers(found, COLUMNS, row, nothing=nothing, as_json=as_json)


@expectations.command("set")
@click.argument("expectation", metavar="NAME")
@click.argument("cron")
@click.option(
    "--zone", help="Whose wall clock is meant, such as Europe/Berlin.  [default: the services' ZONE]"
)
@click.option(
    "--expected",
    type=click.Choice(["done", "started"]),
    default="done",
    show_default=True,
    help="What must have happened to a task before a deadline.",
)
@click.option("--label", help="Of the tasks that are meant.")
@click.option("--job", help="Of the tasks that are meant; they must match all that is given.")
@click.option("--prefix", help="That the IDs of the tasks begin with.")
@click.option("--within", type=int, metavar="SECONDS", help="Before a deadline.  [default: a day]")
@click.option("--webhook", metavar="URL", help="Told of a miss and of a recovery.")
@click.option("--callback", metavar="NAME", help="A Celery task to call with them.")
@as_json
@in_session
def set_expectation(session: Session, /, *, expectation: str, as_json: bool, **asked: Any) -> None:
    """Make the expectation NAME, or change it: CRON says its deadlines, as of a schedule."""
    body = {option: value for option, value in asked.items() if value is not None}
    made = session.trigger.ask("PUT", f"/expectations/{segment(expectation)}", body)
    session.terminal.answer(made, describe, as_json=as_json)


def change(session: Session, expectation: str, action: str, *, as_json: bool) -> None:
    changed = session.trigger.ask("POST", f"/expectations/{segment(expectation)}/{action}")
    session.terminal.answer(changed, describe, as_json=as_json)


@expectations.command()
@click.argument("expectation", metavar="NAME")
@as_json
@in_session
def pause(session: Session, *, expectation: str, as_json: bool) -> None:
    """Pause an expectation: no deadline is judged until it is resumed."""
    change(session, expectation, "pause", as_json=as_json)


@expectations.command()
@click.argument("expectation", metavar="NAME")
@as_json
@in_session
def resume(session: Session, *, expectation: str, as_json: bool) -> None:
    """Resume a paused expectation. Deadlines that have passed meanwhile are not judged."""
    change(session, expectation, "resume", as_json=as_json)


@expectations.command()
@click.argument("expectation", metavar="NAME")
@yes
@as_json
@in_session
def delete(session: Session, *, expectation: str, yes: bool, as_json: bool) -> None:
    """Delete an expectation."""
    if not confirmed(session, f"Delete expectation {one_line(expectation)}?", sure=yes):
        return
    session.trigger.ask("DELETE", f"/expectations/{segment(expectation)}")
    deleted = {"name": expectation, "deleted": True}
    session.terminal.answer(deleted, lambda it: f"expectation {it['name']} is deleted", as_json=as_json)


def describe(one: Answer) -> str:
    """Return an expectation in two lines."""
    return one_line(
        f"expectation {one['name']}: {expected(one)} by {one['cron']} ({one['zone']})\n"
        f"{state(one)}{'' if one['paused'] else ', next deadline: ' + (one['next_deadline'] or 'none')}",
        keep="\n",
    )


def expected(one: Answer) -> str:
    """Say what must have happened, and to which tasks."""
    return expected_task(one["expected"], one["label"], one["job"], one["prefix"])


def state(one: Answer) -> str:
    if one["paused"]:
        return "paused"
    return "met" if one["met"] else f"missed since {one['missed_at']}"


def row(one: Answer) -> list[Text]:
    of_deadlines = (one["cron"], one["zone"], one["next_deadline"] or "", str(one["missed"]))
    return [name(text) for text in (one["name"], expected(one), state(one), *of_deadlines)]
