"""The place of the jobs' pages in the navigation, and a job's runs as bars; job_history draws the pages."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from flask import Blueprint

from donebit.completion.history import PastRun
from donebit.completion.state import ANY_END
from donebit.formatting import duration, number
from donebit.web.listener import Table
from trigger_app.pages.charts import BarFigures, Chart, chart
from trigger_app.pages.fragments import moment
from trigger_app.pages.view import PageContext, View

FEWEST_RUNS = 2  # that bars are drawn of
MARKED_RUNS = 4
# What durations are drawn in: the largest of which the longest has two.
UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1), ("milliseconds", 0.001))


def add_routes(_: Blueprint, __: PageContext) -> None:
    """Add nothing: the addresses are the API's."""


def read_nothing(_: PageContext, __: str, ___: Table) -> Table:
    return {}


def drawn(newest_first: Sequence[PastRun]) -> list[Chart]:
    """Draw how long the runs of a page took, and how many of their steps failed; nothing of a single one."""
    runs = newest_first[::-1]
    return [durations(runs), failures(runs)] if len(runs) >= FEWEST_RUNS else []


def durations(runs: Sequence[PastRun]) -> Chart:
    """Draw a bar for each run, by how it ended."""
    seconds = [run.took.total_seconds() for run in runs]
    unit, size = next(one for one in UNITS if max(seconds) >= 2 * one[1] or one is UNITS[-1])
    bars = [
        BarFigures(
            mark,
            f"{named(run)}: {run.end}, {duration(took)}",
            [took / size * (run.end is end) for end in ANY_END],
        )
        for run, mark, took in zip(runs, marks(runs), seconds, strict=True)
    ]
    middle = f"median {duration(median(seconds))}"
    about = f"Duration of {len(runs)} runs: {middle}, at most {duration(max(seconds))}. The list has each."
    return chart(f"Duration in {unit}", middle, about, list(ANY_END), bars)


def failures(runs: Sequence[PastRun]) -> Chart:
    """Draw how many steps of each run failed."""
    bars = [
        BarFigures(mark, f"{named(run)}: {number(run.failed_steps)} failed", [run.failed_steps])
        for run, mark in zip(runs, marks(runs), strict=True)
    ]
    total = number(sum(run.failed_steps for run in runs))
    return chart("Failed steps", total, f"{total} failed steps of {len(runs)} runs.", ["failed"], bars)


def named(run: PastRun) -> str:
    return f"{run.task_id}, {moment(run.ended_at)}"


def marks(runs: Sequence[PastRun]) -> list[str]:
    """Name some of the runs by their day, or by their time if they have one day; no two by the same."""
    form = "%H:%M" if runs[0].ended_at.date() == runs[-1].ended_at.date() else "%m-%d"
    apart = -(-len(runs) // MARKED_RUNS)
    named = ["" if at % apart else f"{run.ended_at:{form}}" for at, run in enumerate(runs)]
    return ["" if mark in named[:at] else mark for at, mark in enumerate(named)]


VIEW = View("jobs", "/jobs", "Jobs", add_routes, read_nothing)
