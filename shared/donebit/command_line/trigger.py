"""`trigger` and `watch`: start a task, and look on while it runs."""

from __future__ import annotations

import json
from typing import Any

import click

from donebit.command_line.exit_codes import OperationFailed
from donebit.command_line.options import as_json, examples, in_session, patience
from donebit.command_line.service import segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import count_of
from donebit.command_line.watching import watch_task
from donebit.formatting import duration, number


class Param(click.ParamType[tuple[str, Any]]):
    """name=value; the value is JSON where it can be, and a text otherwise."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE, such as sleep_ms=20", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


TRIGGER_EXAMPLES = examples(
    "donebit trigger 10000 --job demo --param sleep_ms=20 --watch",
    "donebit trigger 500 --job resize --param folder=/photos --label nightly --task-id nightly-2026-11-21",
    "donebit trigger 4                       without a job: report its steps yourself",
    "donebit trigger 10 --job demo --watch && echo done",
)


@click.command(epilog=TRIGGER_EXAMPLES)
@click.argument("count", type=int)
@click.option(
    "--job", help="Whose function runs the steps; without one nothing runs, and you report the steps."
)
@click.option(
    "--param", "params", type=Param(), multiple=True, help="One of the job's parameters; as often as needed."
)
@click.option("--label", help="To find it, and others, by.")
@click.option("--task-id", help="The same again is the same task: send it twice, and it runs once.")
@click.option("--batch", type=int, help="Steps a message of the queue.")
@click.option(
    "--stall-after",
    type=float,
    metavar="SECONDS",
    help="Send missing steps again after so long without progress.",
)
@click.option("--webhook", metavar="URL", help="Told when it ends.")
@click.option("--callback", metavar="NAME", help="A Celery function that is called when it ends.")
@click.option("--watch", "watched", is_flag=True, help="Show a bar until it ends; the exit code says how.")
@patience
@as_json
@in_session
def trigger(
    session: Session, /, *, count: int, params: tuple[tuple[str, Any], ...], patience: float, **asked: Any
) -> None:
    """Start a task of COUNT steps.

    With --watch it ends when the task does: with 0 if that is done, and with 1 if it failed or was cancelled.
    Ctrl-C ends the watching alone, the task runs on.
    """
    watched, as_json, callback = asked.pop("watched"), asked.pop("as_json"), asked.pop("callback")
    body = {name: value for name, value in asked.items() if value is not None}
    body |= {"params": dict(params)} if params else {}
    body |= {"callback": {"name": callback}} if callback else {}
    started = session.trigger.ask("POST", "/tasks", {"count": count, **body})
    if not as_json:
        print_started(session, started)
    if watched:
        see_to_its_end(session, started["task_id"], patience, as_json=as_json)
    elif as_json:
        session.terminal.as_json(started)


@click.command(
    epilog=examples("donebit watch 9f2c41d07a3b", "donebit watch nightly --json | jq .took_seconds")
)
@click.argument("task_id", metavar="ID")
@patience
@as_json
@in_session
def watch(session: Session, *, task_id: str, patience: float, as_json: bool) -> None:
    """Show a task's progress until it ends.

    With 0 if it is done, and with 1 if it failed or was cancelled. Ctrl-C ends the watching alone.
    """
    see_to_its_end(session, task_id, patience, as_json=as_json)


def print_started(session: Session, started: dict[str, Any]) -> None:
    by = f"of {started['job']}" if started["job"] else "to be reported by you"
    again = "" if started["state"] == "running" else f", {started['state']} already"
    session.terminal.say(f"task {started['task_id']}: {count_of(started['count'], 'step')} {by}{again}")
    if started["queued"] is False:
        session.terminal.note("the broker is away: it is fanned out as soon as the broker is back")
    if not started["job"]:
        where = f"{session.done.address}/tasks/{started['task_id']}/steps/0"
        session.terminal.note(f"such as: curl -X PUT {where}")


def see_to_its_end(session: Session, task_id: str, patience: float, *, as_json: bool) -> None:
    """Raises Failed for a task that is not done at its end."""
    watch_task(session, task_id, patience)
    task = session.done.get(f"/tasks/{segment(task_id)}")
    session.terminal.answer(task, how_it_ended, as_json=as_json)
    if task["state"] != "done":
        raise OperationFailed(f"task {task_id} is {task['state']}: {task['why']}")


def how_it_ended(task: dict[str, Any]) -> str:
    steps = f"{number(task['done_steps'])} of {count_of(task['count'], 'step')}"
    took = f" in {duration(task['took_seconds'])}" if task["took_seconds"] is not None else ""
    return f"task {task['task_id']} is {task['state']}: {steps}{took}"
