"""Bars over time, as a page draws them: every place and size is in percent of the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from trigger_app.pages.axis import Tick, ticks

LEAST_HEIGHT = 1.5  # of what is not 0: few among very many are seen too


class BarPiece(NamedTuple):
    """A piece of a bar, of one kind; `y` is counted from the top."""

    kind: str
    y: float
    height: float


class Bar(NamedTuple):
    """A bar: where it begins, and what it is about in words."""

    x: float
    text: str
    pieces: list[BarPiece]


class Mark(NamedTuple):
    """A mark of the x axis."""

    x: float
    text: str


class Chart(NamedTuple):
    """A drawing of bars, each stacked of the same kinds."""

    title: str
    kinds: Sequence[str]
    total: int
    highest: int  # of its bars
    bars: list[Bar]
    width: float  # of a bar
    ticks: list[Tick]
    marks: list[Mark]


class BarFigures(NamedTuple):
    """What a bar is drawn from: the name under it, if any, its name in words, and a figure for each kind."""

    mark: str
    name: str
    figures: Sequence[int]


def chart(title: str, kinds: Sequence[str], columns: Sequence[BarFigures]) -> Chart:
    """Draw columns as bars, stacked from the first kind up."""
    sums = [sum(column.figures) for column in columns]
    highest, width = max(sums, default=0), 100 / max(len(columns), 1)
    return Chart(
        title,
        kinds,
        sum(sums),
        highest,
        [bar(width * at, kinds, column, highest) for at, column in enumerate(columns) if sums[at]],
        round(width, 3),
        ticks(highest or 1),
        [Mark(round(width * at, 2), column.mark) for at, column in enumerate(columns) if column.mark],
    )


def bar(x: float, kinds: Sequence[str], column: BarFigures, highest: int) -> Bar:
    heights = [max(LEAST_HEIGHT, 100 * figure / highest) if figure else 0 for figure in column.figures]
    tops = accumulate(heights)
    pieces = [
        BarPiece(kind, round(100 - top, 2), round(height, 2))
        for kind, height, top in zip(kinds, heights, tops, strict=True)
        if height
    ]
    return Bar(round(x, 3), f"{column.name}: {', '.join(words(kinds, column.figures))}", pieces)


def words(kinds: Sequence[str], figures: Sequence[int]) -> Iterator[str]:
    for kind, figure in zip(kinds, figures, strict=True):
        if figure:
            yield f"{figure:,} {kind}"
