"""What many commands share on their command line."""

from __future__ import annotations

import click

from donebit.command_line.session import Session

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first. In a script nothing is asked anyway.")
patience = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a lost stream is tried again.",
)
ids = click.option(
    "--ids",
    type=click.Choice(["auto", "integers", "texts"]),
    default="auto",
    show_default=True,
    help="What the users are; auto: integers if they are digits.",
)
at = click.option(
    "--at", metavar="TIME", help="ISO 8601 and UTC, as 2026-11-21 or 2026-11-21T03:04:05Z; now if left out."
)

in_session = click.make_pass_decorator(Session)


def examples(*lines: str) -> str:
    """A command's epilog: commands to try, as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def confirmed(session: Session, question: str, *, sure: bool) -> bool:
    """Ask where something is lost, if there is a person to ask."""
    if sure or not session.terminal.is_asked:
        return True
    return click.confirm(question, err=True)
