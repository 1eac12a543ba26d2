"""The page of the last day or month: how much was done and failed when, as bars and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint

from donebit import clock
from donebit.completion.throughput import RANGES, Range, Throughput, read_throughput
from donebit.web.listener import Table
from trigger_app.pages.charts import BarFigures, chart
from trigger_app.pages.fragments import fragment
from trigger_app.pages.last_reads import LastReads
from trigger_app.pages.view import PageContext, View

HOME = "/history"
DAY = RANGES["24h"]
WORDS = {"24h": "24 hours", "30d": "30 days"}
# What each chart shows: its title, and from which field each kind of its bars is.
CHARTS = (
    ("Steps done", {"done": "steps_done"}),
    ("Steps failed", {"failed": "steps_failed"}),
    ("Tasks finished", {"done": "tasks_done", "failed": "tasks_failed", "cancelled": "tasks_cancelled"}),
)
MARKED_HOURS = 6

last_reads = LastReads(timedelta(seconds=5))


def add_routes(_: Blueprint, __: PageContext) -> None:
    """Add nothing: the address is the API's."""


def drawn(of: Range, found: Sequence[Throughput]) -> dict[str, Any]:
    """Return the variables from which the page is drawn."""
    return {
        "charts": [
            chart(title, list(kinds), [bar_figures(of, one, kinds.values()) for one in found])
            for title, kinds in CHARTS
        ],
        "rows": [one for one in reversed(found) if one != Throughput(one.start)],
        "lasts": WORDS[of.name],
        "words": WORDS,
        "bucket": f"{of.bucket // timedelta(minutes=1)} minutes" if of is DAY else "6 hours",
    }


def bar_figures(of: Range, one: Throughput, fields: Iterable[str]) -> BarFigures:
    figures = [getattr(one, field) for field in fields]
    return BarFigures(mark(of, one.start), f"{one.start:%Y-%m-%d %H:%M} UTC", figures)


def mark(of: Range, start: datetime) -> str:
    """Name a bucket on the x axis, if it is one that has a name there: the days, and of a day some hours."""
    if start.hour == start.minute == 0:
        return f"{start:%m-%d}" if of is DAY or start.weekday() == 0 else ""
    return f"{start:%H:%M}" if of is DAY and start.minute == 0 and start.hour % MARKED_HOURS == 0 else ""


def read_history(context: PageContext, about: str, before: Table) -> Table:
    """Read a range, drawn as HTML, every few seconds."""
    if before and last_reads.is_recent(about):
        return before
    of = RANGES.get(about, DAY)
    found = read_throughput(context.store, of, clock.now())
    return {"history": fragment("history", root=context.settings.trigger_prefix, **drawn(of, found))}


VIEW = View("history", HOME, "History", add_routes, read_history)
