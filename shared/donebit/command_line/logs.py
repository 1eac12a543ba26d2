"""`logs`: what the workers say, as their terminal would show it."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.text import Text

from donebit.command_line.options import as_json, examples, in_session, patience
from donebit.command_line.session import Session
from donebit.command_line.streams import Lost, Message, follow
from donebit.command_line.terminal import printable

PATH = "/workers/log"
MOST_LINES = 1000
STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}

LOGS_EXAMPLES = examples(
    "donebit logs",
    "donebit logs -f                          until Ctrl-C",
    "donebit logs -f --task 9f2c41d07a3b      of one task",
    "donebit logs -n 1000 --json | jq -r 'select(.level == \"error\").text'",
)


@click.command(short_help="Show what the workers say; -f to go on as they say more.", epilog=LOGS_EXAMPLES)
@click.option("--follow", "-f", "followed", is_flag=True, help="Go on with each new line, until Ctrl-C.")
@click.option("--task", metavar="ID", help="Only lines about this task.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(1, MOST_LINES),
    default=100,
    show_default=True,
    help="How many at first.",
)
@patience
@as_json
@in_session
def logs(
    session: Session, *, followed: bool, task: str | None, lines: int, patience: float, as_json: bool
) -> None:
    """Show the workers' last lines, the oldest first. As JSON: one line a line.

    About 10,000 lines are kept, for a day after the last: it is a window on the log, not the log.
    """
    last = session.done.get(PATH, task=task, limit=lines)
    for line in last["lines"]:
        session.terminal.answer(line, as_shown, as_json=as_json)
    if followed:
        for line in later(session, task, last["next"], patience):
            session.terminal.answer(line, as_shown, as_json=as_json)


def later(session: Session, task: str | None, after: str, patience_seconds: float) -> Iterator[Message]:
    """Each line after that one, each once, however often the stream is lost."""
    place = {"task": task, "after": after}
    for message in follow(session.done, PATH, patience_seconds=patience_seconds, query=lambda: place):
        if isinstance(message, Lost):
            session.terminal.note(f"no news, trying again: {message.detail}")
        elif "unavailable" in message:
            session.terminal.note(f"no news: {message['unavailable']}")
        else:
            place["after"] = message["id"]
            yield message


def as_shown(line: Message) -> Text:
    who = f"{line['at']} {printable(line['worker'])}/{line['pid']} | "
    return Text.assemble((who, "dim"), (printable(line["text"]), STYLES.get(line["level"], "")))
