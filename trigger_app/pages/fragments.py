"""Parts of a page that are drawn here, by the same template when it is opened and when it is kept live."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader

from donebit.completion.diagnosis import Waiting
from donebit.formatting import duration, number
from donebit.web.listener import Message

# What a running task waits for, in the words of a row.
WAITS = {
    Waiting.REPORTS: "reported from elsewhere",
    Waiting.FAN_OUT: "being fanned out",
    Waiting.WORKER: "no worker is seen",
    Waiting.RETRY: "a failed step pauses",
    Waiting.RUNNING: "a worker is at it",
    Waiting.QUEUE: "waits in the queue",
    Waiting.LOST: "nobody is at it",
}


def moment(at: str | datetime) -> str:
    """21 Nov, 03:04:05 UTC."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{known.astimezone(UTC):%d %b, %H:%M:%S} UTC".removeprefix("0")


def percent(progress: float) -> str:
    """Never 100 % before all is done, and never 0 % after something is."""
    return f"{min(99, max(1, int(progress * 100))) if 0 < progress < 1 else int(progress * 100)} %"


FILTERS: Mapping[str, Callable[[Any], str]] = {
    "number": number,
    "duration": duration,
    "moment": moment,
    "percent": percent,
    "waits": lambda waiting: WAITS[Waiting(waiting)],
}

INDENT = re.compile(r"\s*\n\s*")

_templates = Environment(loader=PackageLoader("trigger_app"), autoescape=True)
_templates.filters |= FILTERS


def fragment(of: str, **given: Any) -> Message:
    """The message that has a page draw this part of it anew."""
    html = _templates.get_template(f"fragments/{of}.html").render(given)
    return {"fragment": of, "html": INDENT.sub("\n", html)}
