"""`tasks` and `show`: how tasks are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from donebit.command_line.drawing import draw
from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import Terminal, count_of, percent, printable, state_text
from donebit.formatting import duration, number

LARGEST_PAGE = 500
FIRST_RANGES = 10  # that done_app names unasked; of fewer it names all
FAILURES_SHOWN, FAILURES_DRAWN = 5, 10_000
NARROW = ((28, 2), (44, 3), (70, 5))  # below so many characters only so many columns

TASKS_EXAMPLES = examples(
    "donebit tasks",
    "donebit tasks --state failed --label nightly",
    "donebit tasks --limit 5 --cursor NEXT          the page after, as the page before says",
    "donebit tasks --all --json | jq -r .task_id",
)


COLUMNS = ("task", "state", "done", "steps", "failed", "job", "label", "created")  # what matters most first
NAMES, NUMBERS = {"task", "job", "label"}, {"done", "steps", "failed"}


@click.command(epilog=TASKS_EXAMPLES)
@click.option("--state", type=click.Choice(["running", "done", "failed", "cancelled"]), help="Only these.")
@click.option("--label", help="Only those of this label.")
@click.option(
    "--limit", type=click.IntRange(1, LARGEST_PAGE), default=20, show_default=True, help="How many."
)
@click.option("--cursor", help="Go on from here: what the page before gave as next.")
@click.option("--all", "every", is_flag=True, help="Every page.")
@as_json
@in_session
def tasks(session: Session, /, *, every: bool, as_json: bool, **asked: Any) -> None:
    """List tasks, newest first. As JSON: one task a line."""
    listed = (
        pages(session, asked | {"limit": LARGEST_PAGE}) if every else [session.done.get("/tasks", **asked)]
    )
    terminal, cursor, found = session.terminal, None, []
    for page in listed:
        found += page["tasks"]
        cursor = page["next"]
    if as_json:
        for task in found:
            terminal.as_json(task)
    elif found:
        terminal.say(table(terminal, found))
    else:
        terminal.say(
            "no tasks"
            + ("" if asked["state"] or asked["label"] else ": donebit trigger 10 --job demo starts one")
        )
    if cursor:
        terminal.note(f"there are more: --cursor {cursor}")


def pages(session: Session, asked: Mapping[str, Any]) -> Iterator[Answer]:
    page = session.done.get("/tasks", **asked)
    yield page
    while page["next"]:
        page = session.done.get("/tasks", **{**asked, "cursor": page["next"]})
        yield page


def table(terminal: Terminal, found: list[Answer]) -> Table:
    """A row a task; on a narrow terminal without what matters less."""
    width = terminal.out.width
    shown = next((columns for limit, columns in NARROW if width < limit), len(COLUMNS))
    made = Table(box=box.SIMPLE_HEAD if terminal.out.is_terminal else None, pad_edge=False, show_edge=False)
    for head in COLUMNS[:shown]:
        # What users name may be long, and gives way: numbers and states are told whole.
        made.add_column(head, no_wrap=head not in NAMES, justify="right" if head in NUMBERS else "left")
    for task in found:
        made.add_row(*row(task)[:shown])
    return made


def row(task: Answer) -> list[Text]:
    state = state_text(task["state"]) + Text(" (stalled)" if task["stalled"] else "", style="yellow")
    return [
        name(task["task_id"]),
        state,
        Text(done(task)),
        Text(number(task["count"])),
        Text(number(task["failed_steps"]), style="red" if task["failed_steps"] else "dim"),
        name(task["job"] or ""),
        name(task["label"] or ""),
        Text(ago(task["created_at"])),
    ]


def name(text: str) -> Text:
    """What is cut where there is no room for all of it."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def done(task: Answer) -> str:
    return percent(task["done_steps"], task["count"])


def ago(moment: str) -> str:
    return f"{duration((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())} ago"


@click.command(
    short_help="Show one task: what is missing and why, and its bitmap.",
    epilog=examples("donebit show 9f2c41d07a3b", "donebit show 9f2c41d07a3b --json | jq .missing"),
)
@click.argument("task_id", metavar="ID")
@as_json
@in_session
def show(session: Session, *, task_id: str, as_json: bool) -> None:
    """Show one task: what is missing and why, and its bitmap, with what the rule says of it.

    A task is done when BITPOS (where the first 0 is) equals BITCOUNT (how many 1 there are): each step is a
    bit, and the end marker, one bit after the last step, is set from the start.
    """
    path = f"/tasks/{segment(task_id)}"
    task = session.done.get(path)
    if as_json:
        session.terminal.as_json(task)
        return
    bits = session.done.get_bytes(f"{path}/bitmap")
    asked = task["failed_steps"]
    failures = session.done.get(f"{path}/failures", limit=FAILURES_DRAWN)["failures"] if asked else []
    for line in (*described(task, failures), *ruled(task)):
        session.terminal.say(line)
    session.terminal.say(
        draw(session.terminal, task["count"], bits, {failure["step"] for failure in failures})
    )


def described(task: Answer, failures: list[Answer]) -> Iterator[Text]:
    """A line a fact, those that there are."""
    yield Text.assemble(("task ", "dim"), (task["task_id"], "bold"), " is ", state_text(task["state"]))
    facts = {
        "job": f"{task['job']} {json.dumps(task['params']) if task['params'] else ''}"
        if task["job"]
        else "none",
        "label": task["label"],
        "steps": f"{number(task['done_steps'])} of {number(task['count'])} done ({done(task)})",
        "why": task["why"],
        "missing": missing(task),
        "speed": speed(task),
        "took": duration(task["took_seconds"]) if task["took_seconds"] is not None else None,
        "heals": count_of(task["heals"], "time") + " sent again" if task["heals"] else None,
    }
    for name, value in facts.items():
        if value:
            yield fact(name, value)
    for failure in failures[:FAILURES_SHOWN]:
        what = f"step {failure['step']} after {count_of(failure['attempts'], 'attempt')}: {failure['error']}"
        yield fact("failed", what)
    if (more := task["failed_steps"] - len(failures[:FAILURES_SHOWN])) > 0:
        yield fact("failed", f"and {count_of(more, 'step')} more")
    for delivery in task["deliveries"]:
        yield fact("told", f"{delivery['kind']} {delivery['to']}: {delivery['outcome']}")


def ruled(task: Answer) -> Iterator[Text]:
    """What the rule says, so that whoever sees it often enough knows it."""
    gap, bits = task["rule"]["first_gap"], task["rule"]["set_bits"]
    equal = 0 < gap == bits
    said = "equal, so every step is done" if equal else "not equal, so not done"
    yield fact("rule", f"BITPOS 0 = {number(gap)}, BITCOUNT = {number(bits)}: {said}")


def fact(name: str, value: str) -> Text:
    return Text.assemble((f"  {name:<8}", "dim"), printable(value).strip())


def missing(task: Answer) -> str:
    """Both ends of a range named, as people say it: 3, 7 to 9. Of many ranges the first, the rest counted."""
    ranges = task["missing"]
    told = ", ".join(str(start) if stop - start == 1 else f"{start} to {stop - 1}" for start, stop in ranges)
    left = task["count"] - task["done_steps"] - task["failed_steps"]
    more = left - sum(stop - start for start, stop in ranges) if len(ranges) == FIRST_RANGES else 0
    return told + (f" and {number(more)} more" if more > 0 else "")


def speed(task: Answer) -> str | None:
    if task["steps_per_second"] is None or task["state"] != "running":
        return None
    left = f", {duration(task['seconds_left'])} left" if task["seconds_left"] is not None else ""
    return f"{number(task['steps_per_second'])} steps/s{left}"
