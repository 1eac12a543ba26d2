"""The page of the last day or month: how much was done and failed when, as bars and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint

from donebit import clock
from donebit.completion.throughput import RANGES, Range, Throughput, read_throughput
from donebit.formatting import number
from donebit.web.listener import Table
from trigger_app.pages.charts import BarFigures, Chart, chart, highest_of
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
        "charts": [drawn_chart(of, title, kinds, found) for title, kinds in CHARTS],
        "rows": [one for one in reversed(found) if one != Throughput(one.start)],
        "lasts": WORDS[of.name],
        "words": WORDS,
        "bucket": f"{of.bucket // timedelta(minutes=1)} minutes" if of is DAY else "6 hours",
    }


def drawn_chart(of: Range, title: str, kinds: Mapping[str, str], found: Sequence[Throughput]) -> Chart:
    bars = [bar_figures(of, kinds, one) for one in found]
    total = number(sum(sum(one.figures) for one in bars))
    about = (
        f"{title} in the last {WORDS[of.name]}: {total}, at most {number(highest_of(bars))} at a time. "
        "The table below has the numbers."
    )
    return chart(title, total, about, list(kinds), bars)


def bar_figures(of: Range, kinds: Mapping[str, str], one: Throughput) -> BarFigures:
    figures = {kind: getattr(one, field) for kind, field in kinds.items()}
    words = ", ".join(f"{number(figure)} {kind}" for kind, figure in figures.items() if figure)
    return BarFigures(mark(of, one.start), f"{one.start:%Y-%m-%d %H:%M} UTC: {words}", list(figures.values()))


def mark(of: Range, start: datetime) -> str:
    """Name a bucket on the x axis, if it is one that has a name there: the days, and of a day some hours."""
    if start.hour == start.minute == 0:
        return f"{start:%m-%d}" if of is DAY or start.weekday() == 0 else ""
    return f"{start:%H:%M}" if of is DAY and start.minute == 0 and start.hour % MARKED_HOURS == 0 else ""


def read_history(context: PageContext, about: str, before: Table) -> Table:
    """Read a range, drawn as HTML, every few seconds."""
    if last_reads.is_recent(about) and before:
        return before
    of = RANGES.get(about, DAY)
    found = read_throughput(context.store, of, clock.now())
    return {"history": fragment("history", root=context.settings.trigger_prefix, **drawn(of, found))}


VIEW = View("history", HOME, "History", add_routes, read_history, last_reads)
