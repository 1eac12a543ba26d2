"""The y axis of a drawing: round marks, and where they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from donebit.formatting import number

MOST_STEPS = 6  # between the marks
AXIS_HEIGHT = 100  # places are in percent of the drawing
MILLION = 10**6


class Tick(NamedTuple):
    """A mark of the y axis; `y` is counted from the top."""

    value: int
    y: float

    @property
    def text(self) -> str:
        """The value, short enough for the margin: 500,000 or 1.5 M."""
        return number(self.value) if self.value < MILLION else f"{self.value / MILLION:,g} M"


def ticks(highest: float, lowest: int = 0) -> list[Tick]:
    """Mark the y axis at multiples of 1, 2 or 5 times a power of ten.

    Args:
        highest: above the zero line
        lowest: below it, as a positive number; its marks are positive too
    """
    height = highest + lowest or 1
    step = next(size for size in round_numbers() if height <= MOST_STEPS * size)
    values = range(-(lowest // step) * step, int(highest) + 1, step)
    return [Tick(abs(value), round(AXIS_HEIGHT * (highest - value) / height, 1)) for value in values]


def round_numbers() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50 and so on."""
    for power in count():
        yield from (10**power, 2 * 10**power, 5 * 10**power)
