"""Bars over time, as a page draws them: every place and size is in percent of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
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


class BarFigures(NamedTuple):
    """What a bar is drawn from: its mark on the x axis, if any, what it is in words, and its figures."""

    mark: str
    text: str
    figures: Sequence[float]  # one for each kind


class Chart(NamedTuple):
    """A drawing of bars, each stacked of the same kinds."""

    title: str
    figure: str  # what stands beside the title
    about: str  # the drawing in words
    kinds: Sequence[str]
    bars: list[Bar]
    width: float  # of a bar
    ticks: list[Tick]
    marks: list[Mark]


def chart(title: str, figure: str, about: str, kinds: Sequence[str], drawn: Sequence[BarFigures]) -> Chart:
    """Draw figures as bars, stacked from the first kind up."""
    highest, width = highest_of(drawn), 100 / max(len(drawn), 1)
    return Chart(
        title,
        figure,
        about,
        kinds,
        [bar(width * at, kinds, one, highest) for at, one in enumerate(drawn) if any(one.figures)],
        round(width, 3),
        ticks(highest or 1),
        [Mark(round(width * at, 2), one.mark) for at, one in enumerate(drawn) if one.mark],
    )


def highest_of(drawn: Sequence[BarFigures]) -> float:
    return max((sum(one.figures) for one in drawn), default=0)


def bar(x: float, kinds: Sequence[str], drawn: BarFigures, highest: float) -> Bar:
    heights = [max(LEAST_HEIGHT, 100 * figure / highest) if figure else 0 for figure in drawn.figures]
    pieces = [
        BarPiece(kind, round(100 - top, 2), round(height, 2))
        for kind, height, top in zip(kinds, heights, accumulate(heights), strict=True)
        if height
    ]
    return Bar(round(x, 3), drawn.text, pieces)
