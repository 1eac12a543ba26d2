"""Bars of what goes on, as wide as the terminal allows."""

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


class RateColumn(ProgressColumn):
    """How many a second, of late."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{number(speed)} {self._unit}/s" if speed else "", style="cyan")


class LeftColumn(TimeRemainingColumn):
    """The time left, said so."""

    def render(self, task: Task) -> Text:
        return Text("") if task.finished else Text.assemble(super().render(task), " left")


def bar(
    console: Console, *, unless_narrow: Sequence[ProgressColumn] = (), if_wide: Sequence[ProgressColumn] = ()
) -> Progress:
    """What there is room for beside a bar. It goes when it is over, for what it came to is said then."""
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(None)]
    columns += [TaskProgressColumn()]
    columns += unless_narrow if console.width >= NARROW else []
    columns += [*if_wide, LeftColumn(compact=True)] if console.width >= WIDE else []
    shown = console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=not shown, expand=True)
