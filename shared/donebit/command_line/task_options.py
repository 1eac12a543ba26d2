"""The options that say what a task is, of `trigger` and of `schedules set`."""

from __future__ import annotations

from typing import Any

import click

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.options import Command, Seconds
from donebit.errors import InvalidInput
from donebit.json_reading import read_json


class Param(click.ParamType[tuple[str, Any]]):
    """A job parameter name=value; the value is JSON if it can be read as such, else a text."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE, such as sleep_ms=20", param, ctx)
        try:
            return name, read_json(text)
        except InvalidInput as error:
            self.fail(f"{name}: {error.detail}", param, ctx)
        except ValueError:
            return name, text


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        try:
            found = read_json(str(value))
        except InvalidInput as error:
            self.fail(error.detail, param, ctx)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self.fail(f'{value!r} is no JSON object, such as {{"count": 1, "job": "demo"}}', param, ctx)
        return found


ENDS = click.Choice(["done", "failed", "cancelled", "first_failure"])

param = click.option(
    "--param", "params", type=Param(), multiple=True, help="A parameter of the job; may be repeated."
)


OPTIONS = (
    click.option("--job", help="The job that runs the steps. Without one, you report the steps via the API."),
    param,
    click.option("--batch", type=int, help="Steps per message."),
    click.option(
        "--stall-after",
        type=Seconds(),
        metavar="SECONDS",
        help="Resend missing steps after so long without progress.",
    ),
    click.option(
        "--ended-ttl", type=Seconds(), metavar="SECONDS", help="How long the task is kept after its end."
    ),
    click.option("--webhook", metavar="URL", help="Called when the task ends."),
    click.option("--webhook-on", type=ENDS, multiple=True, help="Only then; may be repeated."),
    click.option("--callback", metavar="NAME", help="A Celery task to call when the task ends."),
    click.option("--callback-on", type=ENDS, multiple=True, help="Only then; may be repeated."),
    click.option(
        "--then",
        type=JsonObject(),
        metavar="JSON",
        help="The task to start when this one is done, as a body of POST /tasks.",
    ),
    click.option(
        "--priority",
        type=click.Choice(["normal", "high"]),
        help="Steps of a high priority do not wait for normal ones.  [default: as the job has it]",
    ),
    click.option("--max-concurrency", type=int, help="How many of its steps run at once, on all workers."),
    click.option(
        "--fail-fast",
        is_flag=True,
        default=None,
        help="The first step that fails for good cancels the others.",
    ),
    click.option(
        "--open", is_flag=True, help="Take more steps until `donebit close`; COUNT may be left out."
    ),
)


def task_options(command: Command) -> Command:
    """Add the options for what a task may have beside its steps, a label and an id."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def task_fields(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for as fields of a body. Raises UsageError if it does not go together."""
    params, receivers = asked.pop("params"), {}
    for kind, named in (("webhook", "url"), ("callback", "name")):
        receiver, on = asked.pop(kind), asked.pop(f"{kind}_on")
        if on and receiver is None:
            raise UsageError(f"--{kind}-on needs --{kind}")
        if receiver is not None:
            receivers[kind] = {named: receiver} | ({"on": list(on)} if on else {})
    fields = {name: value for name, value in asked.items() if value is not None and value is not False}
    return fields | receivers | ({"params": params_of(params)} if params else {})


def params_of(given: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return the job's parameters. Raises UsageError for one that is given twice."""
    params = dict(given)
    if len(params) < len(given):
        names = [name for name, _ in given]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"--param {twice}= is given {names.count(twice)} times; once is enough")
    return params
