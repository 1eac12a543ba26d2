"""`logs` shows the workers' log lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from rich.text import Text

from donebit.command_line.options import as_json, examples, in_session, retry_for
from donebit.command_line.session import Session
from donebit.command_line.streams import Message, StreamLost, follow
from donebit.utf8 import one_line

PATH = "/workers/log"
MOST_LINES = 1000
LOUD = ("warning", "error", "critical")
LEVELS = ("debug", "info", "warning", "error", "critical")
STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}

LOGS_EXAMPLES = examples(
    "donebit logs",
    "donebit logs -f                          until Ctrl-C",
    "donebit logs -f --task 9f2c41d07a3b      of one task",
    "donebit logs --task 9f2c41d07a3b --step 3",
    "donebit logs --level warning             warnings and errors",
    "donebit logs -n 1000 --json | jq -r 'select(.level == \"error\").text'",
)


@click.command(short_help="Show the workers' log; -f to follow it.", epilog=LOGS_EXAMPLES)
@click.option("--follow", "-f", "followed", is_flag=True, help="Show new lines as they come, until Ctrl-C.")
@click.option("--task", metavar="ID", help="Only lines about this task.")
@click.option("--step", type=click.IntRange(min=0), help="Only lines about this step of the task.")
@click.option("--level", type=click.Choice(LEVELS), help="Only lines of this level or a worse one.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(1, MOST_LINES),
    default=100,
    show_default=True,
    help="How many of the last lines.",
)
@retry_for
@as_json
@in_session
def logs(
    session: Session,
    *,
    followed: bool,
    task: str | None,
    step: int | None,
    level: str | None,
    lines: int,
    retry_for: float,
    as_json: bool,
) -> None:
    """Show the workers' last log lines, oldest first. With --json: one object per line.

    Donebit keeps about 10,000 lines, until a day after the last one. Keep the workers' own output if you need
    more. Of warnings and errors another 10,000 are kept, for a week; --level looks through the last 1,000 of
    them, or with --follow of all lines.
    """
    about = {"task": task, "step": step}
    levels = LEVELS[LEVELS.index(level or LEVELS[0]) :]
    # Warnings and errors are kept apart; what is followed has the ids of the whole log.
    apart = "warning" if level in LOUD and not followed else None
    last = session.done.get(PATH, **about, limit=MOST_LINES if level else lines, level=apart)
    matching = [line for line in last["lines"] if line["level"] in levels]
    for line in matching[-lines:]:
        session.terminal.answer(line, formatted, as_json=as_json)
    if not (matching or followed or as_json):
        session.terminal.note(
            "the log has no such line" if task or step is not None or level else "the log is empty"
        )
    if followed:
        for line in new_lines(session, {**about, "after": last["next"]}, retry_for):
            if line["level"] in levels:
                session.terminal.answer(line, formatted, as_json=as_json)


def new_lines(session: Session, place: dict[str, Any], retry_seconds: float) -> Iterator[Message]:
    """Yield each line after a place in the log, each once, even if the stream is lost between.

    Args:
        place: the query of the request; its `after` moves on with the lines.
    """
    for message in follow(session.done, PATH, retry_seconds=retry_seconds, query=lambda: place):
        if isinstance(message, StreamLost):
            session.terminal.note(f"connection lost, retrying: {message.detail}")
        elif "unavailable" in message:
            session.terminal.note(f"no new lines: {message['unavailable']}")
        else:
            place["after"] = message["id"]
            yield message


def formatted(line: Message) -> Text:
    who = f"{line['at']} {one_line(line['worker'])}/{line['pid']} | "
    return Text.assemble((who, "dim"), (one_line(line["text"]), STYLES.get(line["level"], "")))
