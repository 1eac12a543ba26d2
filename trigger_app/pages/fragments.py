"""Parts of a page, drawn by the same template when the page is opened and when it is updated live."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup

from donebit import clock
from donebit.completion.chords import is_chord
from donebit.completion.diagnosis import Waiting
from donebit.formatting import duration, expected_task, number, size
from donebit.utf8 import one_line
from donebit.web.listener import Message

# What a running task waits for, as its row says it.
WAITS = {
    Waiting.PAUSED: "paused",
    Waiting.CLOSE: "open until it is closed",
    Waiting.REPORTS: "waiting for external reports",
    Waiting.FAN_OUT: "steps being sent",
    Waiting.WORKER: "no worker running",
    Waiting.JOB: "no worker can run it",
    Waiting.RETRY: "retrying soon",
    Waiting.RUNNING: "in progress",
    Waiting.LIMIT: "limited by max_concurrency",
    Waiting.QUEUE: "queued",
    Waiting.LOST: "lost, will be resent",
}


def moment(at: str | datetime) -> str:
    """Write a moment as `2026-11-21 03:04:05 UTC`, the one form of all pages."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{known.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def percent(progress: float) -> str:
    """Write a share from 0 to 1: 100 % only when all is done, 0 % only when nothing is."""
    return f"{min(99, max(1, int(progress * 100))) if 0 < progress < 1 else int(progress * 100)} %"


def age(at: str) -> str:
    """Write how long ago a moment was, in its largest unit: `3 s`, `12 min`, `5 h`, `2 days`."""
    seconds = max(0, round((clock.now() - datetime.fromisoformat(at)).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h" if seconds < 172_800 else f"{round(seconds / 86_400)} days"


def ago(at: str) -> str:
    """Write how long ago a moment was, in minutes at the finest: an idle list changes once a minute."""
    seconds = (clock.now() - datetime.fromisoformat(at)).total_seconds()
    return "just now" if seconds < 60 else f"{age(at) if seconds >= 120 else '1 min'} ago"


def steps(process: Mapping[str, Any]) -> str:
    """Write which steps a process of a worker runs, such as `steps 0-4, 7 and 3 more`.

    Args:
        process: an AtWorkSummary as a dict; its `ranges` are half open and may leave some steps out
    """
    if not process["ranges"]:
        return "sending steps"
    ranges = [
        str(start) if stop == start + 1 else f"{start}\u2013{stop - 1}" for start, stop in process["ranges"]
    ]
    named = sum(stop - start for start, stop in process["ranges"])
    more = f" and {process['steps'] - named:,} more" if process["steps"] > named else ""
    return f"step{'' if process['steps'] == 1 else 's'} {', '.join(ranges)}{more}"


# Of a run's strip, made once: a page has thousands.
CELL: Mapping[str, Markup] = {cell: Markup(f'<i class="{cell}"></i>') for cell in "dfpm"}  # noqa: S704 - four letters of ours
FILTERS: Mapping[str, Callable[[Any], str]] = {
    "number": number,
    "size": size,
    "duration": duration,
    "iso": clock.iso,
    "moment": moment,
    "age": age,
    "ago": ago,
    "percent": percent,
    "steps": steps,
    "queue_name": lambda queue: queue.removeprefix("donebit.").replace("_", " "),
    "shown": lambda text: one_line(str(text), keep="\n\t"),
    "cells": lambda strip: Markup("").join(CELL[cell] for cell in strip),
    "expected": lambda one: expected_task(one.expected, one.label, one.job, one.prefix),
    "waits": lambda waiting: WAITS[Waiting(waiting)],
}

TESTS: Mapping[str, Callable[[Any], bool]] = {"chord": is_chord}

INDENT = re.compile(r"\s*\n\s*")


class Unindented(PackageLoader):
    """Loads templates without their indentation; values that fill them, such as a traceback, keep theirs."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool] | None]:
        source, file, is_current = super().get_source(environment, template)
        return INDENT.sub("\n", source), file, is_current


_templates = Environment(loader=Unindented("trigger_app"), autoescape=True)
_templates.filters |= FILTERS
_templates.tests |= TESTS
# What is drawn is sent to all who watch: the page's script adds the token of each.
_templates.globals["form_field"] = lambda: ""


def fragment(name: str, **values: Any) -> Message:
    """Draw a part of a page.

    Args:
        name: of the template in templates/fragments
        values: the variables of the template

    Returns:
        The message by which a page's script lays the part over what is there.
    """
    return {"fragment": name, "html": template(name).render(values)}


def template(name: str) -> Template:
    """Find the template of a part of a page, apart from Flask."""
    return _templates.get_template(f"fragments/{name}.html")
