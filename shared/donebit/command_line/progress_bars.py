"""Progress bars that fit the width of the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from donebit.formatting import number

NARROW, WIDE = 50, 80  # columns of the terminal
EVIDENCE = 100  # a part in so many must be done before the time left is said: the first steps say little


class RateColumn(ProgressColumn):
    """The recent rate per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{number(speed)} {self._unit}/s" if speed else "", style="cyan")


class TimeLeftColumn(TimeRemainingColumn):
    """The time left, with the word left, once enough is done to say it."""

    def render(self, task: Task) -> Text:
        is_early = task.total is None or task.completed * EVIDENCE < task.total
        return Text("") if task.finished or is_early else Text.assemble(super().render(task), " left")


def bar(
    console: Console, *, unless_narrow: Sequence[ProgressColumn] = (), if_wide: Sequence[ProgressColumn] = ()
) -> Progress:
    """Return a progress bar, which disappears at its end.

    Args:
        console: Where it is shown, if that is a terminal.
        unless_narrow: Columns for terminals of 50 characters or more.
        if_wide: Columns for terminals of 80 characters or more.
    """
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(None)]
    columns += [TaskProgressColumn()]
    columns += unless_narrow if console.width >= NARROW else []
    columns += [*if_wide, TimeLeftColumn(compact=True)] if console.width >= WIDE else []
    shown = console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=not shown, expand=True)
