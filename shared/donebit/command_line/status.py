"""`workers`, `health`, `why` and `errors` say how things stand."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.text import Text

from donebit.command_line.exit_codes import ServiceUnavailable
from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, ServiceClient, segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import state_text
from donebit.formatting import count_of, number
from donebit.utf8 import one_line

FAILURES_PER_PAGE = 500


@click.command(epilog=examples("donebit workers", "donebit workers --json | jq .steps_per_second"))
@as_json
@in_session
def workers(session: Session, *, as_json: bool) -> None:
    """List the workers, what they run, and the queues."""
    answer = session.done.get("/workers")
    if as_json:
        session.terminal.as_json(answer)
        return
    for worker in answer["workers"]:
        session.terminal.say(described(worker))
    if not answer["workers"]:
        session.terminal.say("no workers")
    queues = ", ".join(f"{one['queue']} {number(one['messages'])}" for one in answer["queues"] or ())
    session.terminal.say(f"queues: {queues or 'unknown, as the broker does not say'}")
    session.terminal.say(f"{number(answer['steps_per_second'])} steps/s over the last minute")


def described(worker: Answer) -> Text:
    """Say what a worker runs, in a line."""
    busy = [one for one in worker["at"] if one["task_id"]]
    tasks = ", ".join(dict.fromkeys(str(one["task_id"]) for one in busy))
    doing = f"{len(busy)} of {worker['processes']} processes busy"
    lost = "" if worker["alive"] else ", lost"
    return Text(one_line(f"{worker['worker']}: {doing}{': ' + tasks if tasks else ''}{lost}"))


@click.command(epilog=examples("donebit health", "donebit health --json | jq -r .status"))
@as_json
@in_session
def health(session: Session, *, as_json: bool) -> None:
    """Check the three services. The exit code is 4 if one of them is unavailable."""
    failed: list[str] = []
    for service in (session.trigger, session.done, session.distinct):
        answer = health_of(service)
        if as_json:
            session.terminal.as_json({"service": service.name, **answer})
        else:
            session.terminal.say(Text(one_line(f"{service.name}: {answer.get('detail', answer['status'])}")))
        failed += [] if answer["status"] == "ok" else [service.name]
    if failed:
        raise ServiceUnavailable(f"unavailable: {', '.join(failed)}")


def health_of(service: ServiceClient) -> Answer:
    """Return what a service says of itself, or why it says nothing."""
    try:
        answer: Answer = service.get("/health")
    except ServiceUnavailable as error:
        return {"status": "unavailable", "detail": error.detail}
    return answer


@click.command(epilog=examples("donebit why 9f2c41d07a3b"))
@click.argument("task_id", metavar="ID")
@as_json
@in_session
def why(session: Session, *, task_id: str, as_json: bool) -> None:
    """Say why a task is not done, in one sentence."""
    task = session.done.get(f"/tasks/{segment(task_id)}")
    if as_json:
        session.terminal.as_json({name: task[name] for name in ("task_id", "state", "why", "waiting_for")})
        return
    sentence = one_line(task["why"])
    session.terminal.say(Text.assemble("task ", task_id, " is ", state_text(task["state"]), f": {sentence}"))


@click.command(
    short_help="List the failed steps of a task with their errors.",
    epilog=examples(
        "donebit errors 9f2c41d07a3b",
        "donebit errors 9f2c41d07a3b --groups          one line per kind of error",
        "donebit errors 9f2c41d07a3b --json | jq .error",
    ),
)
@click.argument("task_id", metavar="ID")
@click.option("--groups", is_flag=True, help="Group the steps by their error, without its numbers and ids.")
@as_json
@in_session
def errors(session: Session, *, task_id: str, groups: bool, as_json: bool) -> None:
    """List the failed steps of a task with their attempts and last errors.

    With --json: one step, or one group, per line.
    """
    if groups:
        show_groups(session, task_id, as_json=as_json)
        return
    found = 0
    for failure in failures(session, task_id):
        session.terminal.answer(failure, failure_line, as_json=as_json)
        found += 1
    if not found and not as_json:
        session.terminal.say("no step has failed")


def failures(session: Session, task_id: str) -> Iterator[Answer]:
    """Yield each failed step of a task, page by page."""
    path, after = f"/tasks/{segment(task_id)}/failures", 0
    while after is not None:
        page = session.done.get(path, after=after, limit=FAILURES_PER_PAGE)
        yield from page["failures"]
        after = page["next"]


def failure_line(failure: Answer) -> Text:
    error = "its error was not kept" if failure["error"] is None else failure["error"]
    what = f"step {failure['step']} after {count_of(failure['attempts'], 'attempt')}: {error}"
    return Text(one_line(what))


def show_groups(session: Session, task_id: str, *, as_json: bool) -> None:
    """Show each kind of error with its traceback, and how its steps are tried again."""
    listed = session.done.get(f"/tasks/{segment(task_id)}/failures/groups")["groups"]
    for group in listed:
        session.terminal.answer(group, group_line, as_json=as_json)
        if group["example"] and not as_json:
            session.terminal.say(traceback_of(group["example"]))
    if as_json:
        return
    if not listed:
        session.terminal.say("no step has failed")
    else:
        session.terminal.note(f"try one again: donebit retry {task_id} --group {listed[0]['group']}")


def group_line(group: Answer) -> Text:
    ranges = ", ".join(str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in group["ranges"])
    named = sum(stop - start for start, stop in group["ranges"])
    more = " and more" if group["steps"] > named else ""
    last = f", last {group['last_at']}" if group["last_at"] else ""
    where = f"step{'' if group['steps'] == 1 else 's'} {ranges}{more}{last}"
    return Text.assemble(
        (group["group"], "bold"),
        f" {count_of(group['steps'], 'step')}: ",
        one_line(group["error"]),
        f" ({where})",
    )


def traceback_of(example: Answer) -> Text:
    lines = (f"    {one_line(line)}" for line in example["traceback"].rstrip().split("\n"))
    return Text("\n".join(lines), style="dim")
