"""`trigger` starts a task, `rerun` one that runs another again, `watch` follows it until it ends."""

from __future__ import annotations

import uuid
from typing import Any

import click

from donebit.command_line.changes import IDS, paths_of
from donebit.command_line.exit_codes import OperationFailed, UsageError
from donebit.command_line.items import start_with_items
from donebit.command_line.options import as_json, examples, in_session, retry_for
from donebit.command_line.service import segment
from donebit.command_line.session import Session
from donebit.command_line.task_options import Param, params_of, task_fields, task_options
from donebit.command_line.watching import watch_task
from donebit.formatting import count_of, duration, number

# How the ways to say what the steps are stand on the command line.
OPTION_OF = {"count": "COUNT", "open": "--open", "items": "--items", "lines": "--lines"}

TRIGGER_EXAMPLES = examples(
    "donebit trigger 10000 --job demo --param sleep_ms=20 --watch",
    "donebit trigger 500 --job resize --param folder=/photos --label nightly --task-id nightly-2026-11-21",
    """donebit trigger 500 --job resize --then '{"count": 1, "job": "publish"}'""",
    "ls *.txt | donebit trigger --job words --lines - --watch",
    "donebit trigger 4                       without a job: report the steps via the API",
    "donebit trigger 10 --job demo --watch && echo done",
)


@click.command(epilog=TRIGGER_EXAMPLES)
@click.argument("count", type=int, required=False)
@task_options
@click.option(
    "--items",
    type=click.File("rb"),
    metavar="FILE",
    help="Start a step for each line, a JSON value that the job's function is given; - is standard input.",
)
@click.option("--lines", type=click.File("rb"), metavar="FILE", help="The same, each line as a text.")
@click.option("--label", help="A label to filter tasks by.")
@click.option("--task-id", help="The task's id; the same id again starts nothing new.  [default: generated]")
@click.option("--watch", "watched", is_flag=True, help="Show progress until it ends.")
@retry_for
@as_json
@in_session
def trigger(session: Session, /, *, watched: bool, retry_for: float, as_json: bool, **asked: Any) -> None:
    """Start a task of COUNT steps, or with a step for each line of a file.

    With --open steps can be added until it is closed. With --watch, show progress until the task ends, and
    exit with 0 if it is done, 1 if it failed or was cancelled. Ctrl-C stops watching; the task keeps running.
    """
    started = start(session, task_fields(asked))
    follow(session, started, retry_for, watched=watched, as_json=as_json)


def start(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Start a task by its steps' number or their items, and return the answer."""
    files = {name: body.pop(name) for name in ("items", "lines") if name in body}
    given = [name for name in ("count", "open", *files) if name in {*body, *files}]
    if not files and not given:
        raise click.UsageError("Missing argument 'COUNT': only a task that is --open can begin without.")
    if not files:
        return dict(session.trigger.ask("POST", "/tasks", body, key=uuid.uuid4().hex))
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(OPTION_OF[name] for name in given)} cannot be given together.")
    ((kind, file),) = files.items()
    return start_with_items(session, file, body, as_texts=kind == "lines")


@click.command(
    epilog=examples(
        "donebit rerun 9f2c41d07a3b --watch",
        "donebit rerun 9f2c41d07a3b b2ee6881a154",
        "donebit rerun 9f2c41d07a3b --param folder=/new",
    )
)
@IDS
@click.option(
    "--param", "params", type=Param(), multiple=True, help="A parameter to change; may be repeated."
)
@click.option("--label", help="Another label.")
@click.option("--watch", "watched", is_flag=True, help="Show progress until it ends.")
@retry_for
@as_json
@in_session
def rerun(
    session: Session,
    /,
    *,
    task_ids: tuple[str, ...],
    params: tuple[tuple[str, Any], ...],
    label: str | None,
    watched: bool,
    retry_for: float,
    as_json: bool,
) -> None:
    """Start a new task with the order of each old one, while it is kept."""
    if watched and len(task_ids) > 1:
        raise UsageError("--watch takes one ID")
    body: dict[str, Any] = {"params": params_of(params)} if params else {}
    body |= {} if label is None else {"label": label}
    for _, path in paths_of(task_ids):
        started = session.trigger.ask("POST", f"{path}/rerun", body, key=uuid.uuid4().hex)
        follow(session, started, retry_for, watched=watched, as_json=as_json)


@click.command(
    epilog=examples("donebit watch 9f2c41d07a3b", "donebit watch nightly --json | jq .took_seconds")
)
@click.argument("task_id", metavar="ID")
@retry_for
@as_json
@in_session
def watch(session: Session, *, task_id: str, retry_for: float, as_json: bool) -> None:
    """Show a task's progress until it ends.

    Exits with 0 if it is done, 1 if it failed or was cancelled. Ctrl-C stops watching; the task runs on.
    """
    watch_to_end(session, task_id, retry_for, as_json=as_json)


def follow(
    session: Session, started: dict[str, Any], retry_seconds: float, *, watched: bool, as_json: bool
) -> None:
    """Print which task was started, and show its progress until it ends if it is `watched`."""
    if not as_json:
        print_started(session, started)
    if watched:
        watch_to_end(session, started["task_id"], retry_seconds, as_json=as_json)
    elif as_json:
        session.terminal.as_json(started)


def print_started(session: Session, started: dict[str, Any]) -> None:
    by = f"of {started['job']}" if started["job"] else "to report via the API"
    again = "" if started["state"] == "running" else f", already {started['state']}"
    session.terminal.say(f"task {started['task_id']}: {count_of(started['count'], 'step')} {by}{again}")
    if started["queued"] is False:
        session.terminal.note("the message broker is unavailable: the steps are sent when it is back")
    if not started["job"] and started["state"] == "running":
        report = f"curl -X PUT {session.done.address}/tasks/{started['task_id']}/steps/0"
        extend = f"donebit extend {started['task_id']} --add 10"  # an open task may have no step yet
        session.terminal.note(f"for example: {report if started['count'] else extend}")


def watch_to_end(session: Session, task_id: str, retry_seconds: float, *, as_json: bool) -> None:
    """Follow a task to its end. Raises OperationFailed if it failed or was cancelled."""
    watch_task(session, task_id, retry_seconds)
    task = session.done.get(f"/tasks/{segment(task_id)}")
    session.terminal.answer(task, end_summary, as_json=as_json)
    if task["state"] != "done":
        raise OperationFailed(f"task {task_id} is {task['state']}: {task['why']}")


def end_summary(task: dict[str, Any]) -> str:
    steps = f"{number(task['done_steps'])} of {count_of(task['count'], 'step')}"
    took = f" in {duration(task['took_seconds'])}" if task["took_seconds"] is not None else ""
    return f"task {task['task_id']} is {task['state']}: {steps}{took}"
