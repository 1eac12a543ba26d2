"""Parts of a page that are drawn here, by the same template when it is opened and when it is kept live."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader

from shared.completion.diagnosis import Waiting
from shared.web.listener import Message

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


def number(value: float) -> str:
    """1,234,567; one decimal below ten."""
    return f"{value:,.1f}" if 0 < value < 10 and value != int(value) else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """26 ms, 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if 0 < seconds < 0.1:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ((whole.days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(index for index, (amount, _) in enumerate(units) if amount or index == len(units) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in units[first : first + 2] if amount)


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
