"""`pause`, `resume`, `cancel`, `extend`, `close` and `delete`: commands that change whole tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import click
from rich.text import Text

from donebit.command_line.acting import pages
from donebit.command_line.exit_codes import UsageError
from donebit.command_line.options import as_json, confirmed, examples, in_session, yes
from donebit.command_line.reports import Steps
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.formatting import count_of, number
from donebit.utf8 import one_line

IDS = click.argument("task_ids", metavar="ID...", nargs=-1, required=True)


@click.command(
    short_help="Resume failed, cancelled, stalled or paused tasks.",
    epilog=examples(
        "donebit resume 9f2c41d07a3b", "donebit resume --failed --label nightly", "donebit resume --failed"
    ),
)
@click.argument("task_ids", metavar="[ID]...", nargs=-1)
@click.option("--failed", is_flag=True, help="Resume every failed task; takes no IDs.")
@click.option("--label", help="With --failed: only tasks with this label.")
@as_json
@in_session
def resume(
    session: Session, *, task_ids: tuple[str, ...], failed: bool, label: str | None, as_json: bool
) -> None:
    """Resume failed, cancelled, stalled or paused tasks. Only missing and failed steps are sent again."""
    if failed == bool(task_ids) or (label is not None and not failed):
        raise UsageError("resume takes either IDs, or --failed with an optional --label")
    if not failed:
        change_each(session, task_ids, "resume", as_json=as_json)
        return
    resumed = resume_failed(session, label)
    if as_json:
        session.terminal.as_json({"resumed": resumed})
        return
    for task_id in resumed:
        session.terminal.say(f"task {task_id} is running again")
    session.terminal.say(f"{count_of(len(resumed), 'task')} resumed")


def resume_failed(session: Session, label: str | None) -> list[str]:
    """Resume every failed task and return their ids."""
    wanted = {"action": "resume", "state": "failed", **({} if label is None else {"label": label})}
    return [task_id for page in pages(session, wanted) for task_id in page["tasks"]]


@click.command(
    short_help="Try some failed steps of a task again.",
    epilog=examples(
        "donebit errors 9f2c41d07a3b --groups",
        "donebit retry 9f2c41d07a3b --group 1c7de33b",
        "donebit retry 9f2c41d07a3b 3 7:10          the steps 3, 7, 8 and 9",
    ),
)
@click.argument("task_id", metavar="ID")
@click.argument("steps", metavar="[STEP]...", type=Steps(), nargs=-1)
@click.option("--group", metavar="GROUP", help="All steps of a group, as `donebit errors --groups` names it.")
@as_json
@in_session
def retry(
    session: Session, *, task_id: str, steps: tuple[tuple[int, int], ...], group: str | None, as_json: bool
) -> None:
    """Try some failed steps of a failed or running task again; `donebit resume` tries all of them.

    A STEP is a number from 0, or START:STOP, half open.
    """
    if (group is None) is (not steps):
        raise UsageError("retry takes either STEPs or --group")
    body: Answer = {"ranges": [list(one) for one in steps]} if group is None else {"group": group}
    answer = session.done.ask("POST", f"/tasks/{segment(task_id)}/retry", body, key=uuid.uuid4().hex)
    session.terminal.answer(answer, retried, as_json=as_json)


def retried(answer: Answer) -> Text:
    failed = answer["failed_steps"]
    stay = f"; {count_of(failed, 'other step')} stay{'s' if failed == 1 else ''} failed" if failed else ""
    again = f"{count_of(answer['retried'], 'step')} tried again{stay}"
    return Text(f"task {one_line(answer['task_id'])} is {answer['state']}: {again}")


@click.command(epilog=examples("donebit pause 9f2c41d07a3b", "donebit pause 9f2c41d07a3b b2ee6881a154"))
@IDS
@as_json
@in_session
def pause(session: Session, *, task_ids: tuple[str, ...], as_json: bool) -> None:
    """Pause running tasks: no further step is begun until `donebit resume`. Steps in progress finish."""
    change_each(session, task_ids, "pause", as_json=as_json)


@click.command(
    epilog=examples("donebit cancel 9f2c41d07a3b", "donebit cancel --yes 9f2c41d07a3b b2ee6881a154")
)
@IDS
@yes
@as_json
@in_session
def cancel(session: Session, *, task_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Cancel running tasks. Their remaining steps are not run, unless they are resumed."""
    if confirmed(session, f"Cancel {listing(task_ids)}? `donebit resume` starts the rest later.", sure=yes):
        change_each(session, task_ids, "cancel", as_json=as_json)


@click.command(
    epilog=examples(
        "donebit extend 9f2c41d07a3b --add 500",
        "donebit extend 9f2c41d07a3b 20000",
        "donebit extend 9f2c41d07a3b 20000 --from 10000     only if it has 10,000",
    )
)
@click.argument("task_id", metavar="ID")
@click.argument("count", type=int, required=False)
@click.option("--add", type=int, metavar="N", help="Add N steps, in place of a new total.")
@click.option("--from", "expected", type=int, metavar="N", help="Only if the task has N steps now.")
@as_json
@in_session
def extend(
    session: Session, *, task_id: str, count: int | None, add: int | None, expected: int | None, as_json: bool
) -> None:
    """Add steps to a running task; they start immediately.

    COUNT is the new total. With --add, two who add at once lose none of their steps.
    """
    if (count is None) is (add is None):
        raise UsageError("extend takes either COUNT, the new total, or --add")
    given = {"count": count, "add": add, "from": expected}
    body = {name: value for name, value in given.items() if value is not None}
    change_each(session, [task_id], "extend", body, as_json=as_json)


@click.command(
    epilog=examples(
        "donebit close 9f2c41d07a3b", "donebit close 9f2c41d07a3b --count 500     only if it has 500"
    )
)
@click.argument("task_id", metavar="ID")
@click.option("--count", type=int, metavar="N", help="Only if the task has N steps.")
@as_json
@in_session
def close(session: Session, *, task_id: str, count: int | None, as_json: bool) -> None:
    """Close an open task.

    It takes no more steps, and ends once all it has are done or failed.
    """
    change = "close" if count is None else f"close?count={count}"
    change_each(session, [task_id], change, as_json=as_json)


@click.command(
    short_help="Delete tasks and all that is stored of them.",
    epilog=examples("donebit delete 9f2c41d07a3b", "donebit delete --yes 9f2c41d07a3b b2ee6881a154"),
)
@IDS
@yes
@as_json
@in_session
def delete(session: Session, *, task_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete tasks, running or finished, with their bitmaps, failures and deliveries."""
    if not confirmed(session, f"Delete {listing(task_ids)}? This can't be undone.", sure=yes):
        return
    for task_id, path in paths_of(task_ids):
        session.done.ask("DELETE", path, key=uuid.uuid4().hex)
        deleted = {"task_id": task_id, "deleted": True}
        session.terminal.answer(deleted, lambda it: f"task {it['task_id']} is deleted", as_json=as_json)


def change_each(
    session: Session, task_ids: Iterable[str], change: str, body: object = None, *, as_json: bool
) -> None:
    """Change the tasks one after the other, until the first that is refused."""
    for _, path in paths_of(task_ids):
        task = session.done.ask("POST", f"{path}/{change}", body, key=uuid.uuid4().hex)
        session.terminal.answer(task, state_summary, as_json=as_json)


def paths_of(task_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Each id with the path of its task; all are checked before anything is done to the first.

    Raises:
        UsageError: one is not a name.
    """
    return [(task_id, f"/tasks/{segment(task_id)}") for task_id in task_ids]


def state_summary(task: Answer) -> str:
    steps = f"{number(task['done_steps'])} of {count_of(task['count'], 'step')} done"
    state = "paused" if task["paused"] else task["state"]
    return f"task {task['task_id']} is {state}: {steps}"


def listing(task_ids: tuple[str, ...]) -> str:
    """Name one task, or say how many there are."""
    return f"task {task_ids[0]}" if len(task_ids) == 1 else f"{len(task_ids)} tasks"
