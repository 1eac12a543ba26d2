"""Options and decorators that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.session import Session

Command = TypeVar("Command", bound=Callable[..., object])


class NamedPath(click.Path):
    """A path that is not empty, as that of a variable of the shell that is not set is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("'' is no path", param, ctx)
        return super().convert(value, param, ctx)


class Seconds(click.types.FloatParamType):
    """A number of seconds that JSON can say: click takes nan and inf for numbers too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation. Scripts are never asked.")


def ids(auto: str) -> Callable[[Command], Command]:
    """Add `--ids`; `auto` says how users are read without it."""
    return click.option(
        "--ids",
        type=click.Choice(["auto", "integers", "mapped", "texts"]),
        default="auto",
        show_default=True,
        help=f"How users are read; auto: {auto}. mapped: sparse integers (phone numbers, hashes) that get "
        "dense numbers.",
    )


at = click.option(
    "--at", metavar="TIME", help="ISO 8601, UTC: 2026-11-21 or 2026-11-21T03:04:05Z.  [default: now]"
)

in_session = click.make_pass_decorator(Session)


def retry_for(command: Command) -> Command:
    """Add `--retry-for`, and the name that it had before, which is refused with a sentence."""
    new = click.option(
        "--retry-for",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        callback=_refuse_nan,
        help="How long to retry a lost connection.",
    )
    old = click.option(
        "--patience", hidden=True, expose_value=False, is_eager=True, callback=_refuse_patience
    )
    return old(new(command))


def _refuse_nan(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):  # which is within any range, and would never be over
        raise UsageError("--retry-for is nan; it must be a number of seconds from 0")
    return value


def _refuse_patience(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise UsageError("--patience is now called --retry-for")


def task_filter(command: Command) -> Command:
    """Add the options that say which tasks are meant."""
    state = click.Choice(["running", "done", "failed", "cancelled"])
    for option in (
        click.option("--to", metavar="TIME", help="Only tasks created before this time or date."),
        click.option("--from", "from_", metavar="TIME", help="Only tasks created then or later."),
        click.option("--error", metavar="TEXT", help="Only tasks with steps that failed so."),
        click.option("--prefix", metavar="TEXT", help="Only tasks whose ID begins so."),
        click.option("--job", help="Only tasks of this job."),
        click.option("--label", help="Only tasks with this label."),
        click.option("--state", type=state, help="Only tasks in this state."),
    ):
        command = option(command)
    return command


def examples(*lines: str) -> str:
    """Return a command's epilog with these examples."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def confirmed(session: Session, question: str, *, sure: bool) -> bool:
    """Ask for confirmation, unless `sure` or in a script. Returns whether to go on."""
    if sure or not session.terminal.can_ask:
        return True
    return click.confirm(question, err=True)
