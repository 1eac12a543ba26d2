"""`report` and `fail` report steps that ran elsewhere."""

from __future__ import annotations

import uuid
from typing import Any

import click

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.formatting import count_of, number

STEPS_PER_REPORT = 10_000


class Steps(click.ParamType[tuple[int, int]]):
    """A step, or START:STOP, half open as a slice of Python is."""

    name = "STEP"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        first, colon, after = str(value).partition(":")
        if not all(part.isascii() and part.isdigit() for part in (first, *([after] if colon else []))):
            self.fail(f"{value!r} is neither a step, such as 7, nor START:STOP, such as 0:500", param, ctx)
        start, stop = int(first), int(after) if colon else int(first) + 1
        if stop <= start:
            self.fail(f"{value!r} has no step: STOP is the step after the last", param, ctx)
        return start, stop


@click.command(
    epilog=examples(
        "donebit report import 7 8 12",
        "donebit report import 0:500                the steps 0 to 499",
    )
)
@click.argument("task_id", metavar="ID")
@click.argument("steps", metavar="STEP...", type=Steps(), nargs=-1, required=True)
@as_json
@in_session
def report(session: Session, *, task_id: str, steps: tuple[tuple[int, int], ...], as_json: bool) -> None:
    """Report that steps are done. A STEP is a number from 0, or START:STOP, half open."""
    for first in range(0, len(steps), STEPS_PER_REPORT):
        some = steps[first : first + STEPS_PER_REPORT]
        answer = send(session, task_id, "steps", {"ranges": [list(one) for one in some]})
        session.terminal.answer(answer, reported, as_json=as_json)


@click.command(
    epilog=examples(
        "donebit fail import 12 'no such picture'", 'donebit fail import 12 "$(tail -1 error.log)"'
    )
)
@click.argument("task_id", metavar="ID")
@click.argument("step", type=click.IntRange(min=0))
@click.argument("error", default="")
@as_json
@in_session
def fail(session: Session, *, task_id: str, step: int, error: str, as_json: bool) -> None:
    """Report that a step failed for good, and why."""
    answer = send(session, task_id, "failures", {"step": step, "error": error})
    session.terminal.answer(answer, failed, as_json=as_json)


def send(session: Session, task_id: str, resource: str, body: object) -> Answer:
    path = f"/tasks/{segment(task_id)}/{resource}"
    answer: Answer = session.done.ask("POST", path, body, key=uuid.uuid4().hex)
    return answer


def reported(answer: Answer) -> str:
    return f"{count_of(answer['fresh'], 'step')} newly done; {now(answer)}"


def failed(answer: Answer) -> str:
    return f"the step {'failed' if answer['fresh'] else 'had ended already'}; {now(answer)}"


def now(answer: Answer) -> str:
    steps = f"{number(answer['done_steps'])} of {count_of(answer['count'], 'step')} done"
    return f"task {answer['task_id']} is {answer['state']}: {steps}"
