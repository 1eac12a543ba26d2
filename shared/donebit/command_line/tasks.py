"""`tasks` lists tasks, `show` shows one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Column
from rich.text import Text

from donebit.command_line.drawing import draw
from donebit.command_line.options import as_json, examples, in_session, task_filter
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.terminal import percent, state_text
from donebit.formatting import count_of, duration, number
from donebit.priority import NORMAL
from donebit.utf8 import one_line

LARGEST_PAGE = 500
FIRST_RANGES = 10  # that done_app lists in a task's answer
FAILURES_SHOWN, FAILURES_DRAWN = 5, 10_000
NARROW = ((28, 2), (44, 3), (70, 5), (96, 8))  # below so many characters only so many columns

TASKS_EXAMPLES = examples(
    "donebit tasks",
    "donebit tasks --state failed --label nightly",
    "donebit tasks --job resize --prefix nightly- --from 2026-11-21",
    "donebit tasks --error 'no such picture'",
    "donebit tasks --limit 5 --cursor NEXT          the next page; each page names its NEXT",
    "donebit tasks --all --json | jq -r .task_id",
)


FILTERS = ("state", "label", "job", "prefix", "error", "from", "to")
# What matters most first.
COLUMNS = ("task", "state", "done", "steps", "failed", "job", "label", "created", "finished")
NAMES, NUMBERS = {"task", "job", "label"}, {"done", "steps", "failed"}


@click.command(epilog=TASKS_EXAMPLES)
@task_filter
@click.option(
    "--limit", type=click.IntRange(1, LARGEST_PAGE), default=20, show_default=True, help="Tasks per page."
)
@click.option("--cursor", help="Continue from here, as the last page says.")
@click.option("--all", "every", is_flag=True, help="All pages.")
@as_json
@in_session
def tasks(session: Session, /, *, every: bool, as_json: bool, **options: Any) -> None:
    """List tasks, newest first. With --json: one task per line."""
    asked = {name.removesuffix("_"): value for name, value in options.items()}
    listed = (
        pages(session, asked | {"limit": LARGEST_PAGE}) if every else [session.done.get("/tasks", **asked)]
    )
    terminal, cursor, found = session.terminal, None, []
    for page in listed:
        found += page["tasks"]
        cursor = page["next"]
    hint = "" if any(asked[name] for name in FILTERS) else ": donebit trigger 10 --job demo starts one"
    heads = columns(terminal.out.width)
    shown = len(heads)
    terminal.answers(found, heads, lambda task: row(task)[:shown], nothing=f"no tasks{hint}", as_json=as_json)
    if cursor:
        terminal.note(f"more tasks: --cursor {cursor}")


def pages(session: Session, asked: Mapping[str, Any]) -> Iterator[Answer]:
    page = session.done.get("/tasks", **asked)
    yield page
    while page["next"]:
        page = session.done.get("/tasks", **{**asked, "cursor": page["next"]})
        yield page


def columns(width: int) -> list[Column]:
    """Return the columns that a terminal of this width has room for."""
    shown = next((most for limit, most in NARROW if width < limit), len(COLUMNS))
    # Names may be long, and are cut; numbers and states are not.
    return [
        Column(head, no_wrap=head not in NAMES, justify="right" if head in NUMBERS else "left")
        for head in COLUMNS[:shown]
    ]


def row(task: Answer) -> list[Text]:
    state = state_text(task["state"]) + Text(remark(task), style="yellow")
    return [
        name(task["task_id"]),
        state,
        Text(done(task)),
        Text(number(task["count"])),
        Text(number(task["failed_steps"]), style="red" if task["failed_steps"] else "dim"),
        name(task["job"] or ""),
        name(task["label"] or ""),
        Text(ago(task["created_at"])),
        Text(ago(task["ended_at"]) if task["ended_at"] else ""),
    ]


def remark(task: Answer) -> str:
    """Return what is unusual about a running task, in brackets."""
    return " (stalled)" if task["stalled"] else " (paused)" if task["paused"] else ""


def name(text: str) -> Text:
    """Return a text that is cut where there is no room for all of it."""
    return Text(one_line(text), no_wrap=True, overflow="ellipsis")


def done(task: Answer) -> str:
    if task["count"]:
        return percent(task["done_steps"], task["count"])
    return "100%" if task["progress"] else "0%"  # an open task may have no step yet


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
    """Show one task: what is missing and why, its completion check and its bitmap.

    Each step is a bit, and the end marker, one bit after the last step, is set from the start. The task is
    done when BITPOS (the position of the first 0) equals BITCOUNT (the number of 1s).
    """
    path = f"/tasks/{segment(task_id)}"
    task = session.done.get(path)
    if as_json:
        session.terminal.as_json(task)
        return
    bits = session.done.get_bytes(f"{path}/bitmap")
    asked = task["failed_steps"]
    failures = session.done.get(f"{path}/failures", limit=FAILURES_DRAWN)["failures"] if asked else []
    for line in (*described(task, failures), *completion_check(task)):
        session.terminal.say(line)
    session.terminal.say(
        draw(session.terminal, task["count"], bits, {failure["step"] for failure in failures})
    )


def described(task: Answer, failures: list[Answer]) -> Iterator[Text]:
    """Yield a line for each fact that the task has."""
    yield Text.assemble(
        ("task ", "dim"), (one_line(task["task_id"]), "bold"), " is ", state_text(task["state"]), remark(task)
    )
    facts = {
        "job": f"{task['job']} {json.dumps(task['params']) if task['params'] else ''}"
        if task["job"]
        else "none",
        "label": task["label"],
        "priority": task["priority"] if task["priority"] != NORMAL else None,
        "steps": f"{number(task['done_steps'])} of {number(task['count'])} done ({done(task)})",
        "why": task["why"],
        "missing": missing(task),
        "speed": speed(task),
        "took": duration(task["took_seconds"]) if task["took_seconds"] is not None else None,
        "resent": count_of(task["heals"], "time") if task["heals"] else None,
    }
    for name, value in facts.items():
        if value:
            yield fact(name, value)
    for failure in failures[:FAILURES_SHOWN]:
        item = f" ({json.dumps(failure['item'])[:80]})" if "item" in failure else ""
        attempts = count_of(failure["attempts"], "attempt")
        what = f"step {failure['step']}{item} after {attempts}: {failure['error']}"
        yield fact("failed", what)
    if (more := task["failed_steps"] - len(failures[:FAILURES_SHOWN])) > 0:
        yield fact("failed", f"and {count_of(more, 'more step')}")
    for delivery in task["deliveries"]:
        yield fact("notified", f"{delivery['kind']} {delivery['to']}: {delivery['outcome']}")


def completion_check(task: Answer) -> Iterator[Text]:
    """Yield the completion check with its present numbers."""
    gap, bits = task["rule"]["first_gap"], task["rule"]["set_bits"]
    equal = 0 < gap == bits
    every = "every step so far" if task["open"] and task["state"] == "running" else "every step"
    result = f"equal, so {every} is done" if equal else "not equal, so not done"
    yield fact("check", f"BITPOS 0 = {number(gap)}, BITCOUNT = {number(bits)}: {result}")


def fact(name: str, value: str) -> Text:
    return Text.assemble((f"  {name:<9}", "dim"), one_line(value).strip())


def missing(task: Answer) -> str:
    """Return the missing steps as inclusive ranges, 3, 7 to 9; of many ranges the first ten."""
    ranges = task["missing"]
    listed = ", ".join(
        str(start) if stop - start == 1 else f"{start} to {stop - 1}" for start, stop in ranges
    )
    left = task["count"] - task["done_steps"] - task["failed_steps"]
    more = left - sum(stop - start for start, stop in ranges) if len(ranges) == FIRST_RANGES else 0
    return listed + (f" and {number(more)} more" if more > 0 else "")


def speed(task: Answer) -> str | None:
    if task["steps_per_second"] is None or task["state"] != "running":
        return None
    left = f", {duration(task['seconds_left'])} left" if task["seconds_left"] is not None else ""
    return f"{number(task['steps_per_second'])} steps/s{left}"
