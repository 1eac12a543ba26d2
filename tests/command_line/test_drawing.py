"""The drawn bitmap: exact where a cell is a step, and never wrong about full and empty where it is many."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.command_line import drawing
from donebit.command_line.terminal import Terminal

BORDERS = [1, 7, 8, 9, 15, 16, 17, 1151, 1152, 1153, 9215, 9216, 9217]  # of a byte, and of 12 rows of 96


def bitmap(count: int, steps: set[int]) -> bytes:
    """Bits 0..count with the end marker, as done_app gives them."""
    flags = np.zeros(count + 1, np.uint8)
    flags[[*steps, count]] = 1
    return np.packbits(flags).tobytes()


def cells_of(count: int, steps: set[int], failed: set[int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The cells alone, in one line."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    *rows, _ = drawing.draw(Terminal(), count, bitmap(count, steps), failed).plain.splitlines()
    return "".join(row.removeprefix("  ") for row in rows)


@pytest.mark.parametrize("count", BORDERS)
@pytest.mark.parametrize("which", ["none", "first", "last", "all"])
def test_full_and_empty_are_drawn_as_such_at_every_border(
    count: int, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"none": set(), "first": {0}, "last": {count - 1}, "all": set(range(count))}[which]

    cells = cells_of(count, steps, set(), monkeypatch)

    size = drawing.steps_per_cell(count, 96 * drawing.ROWS)
    assert len(cells) == -(-count // size) + 1
    assert cells[-1] == "◆"
    assert {"none": set(cells[:-1]) == {"·"}, "all": set(cells[:-1]) == {"█"}}.get(which, True)
    assert (cells[0] == "·") == (0 not in steps)
    assert (cells[-2] == "·") == (count - 1 not in steps and not (len(cells) == 2 and steps))


def test_a_cell_of_one_step_is_that_step(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(10, {0, 3, 9}, {5}, monkeypatch)

    assert cells == "█··█·\N{MULTIPLICATION SIGN}···█◆"


def test_one_failed_step_among_many_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(100_000, set(range(100_000)) - {77_777}, {77_777}, monkeypatch)

    assert cells.count("\N{MULTIPLICATION SIGN}") == 1
    assert cells.count("█") == len(cells) - 2


@given(st.integers(1, 5000), st.data())
def test_cells_hold_every_step_once(count: int, data: st.DataObject) -> None:
    steps = data.draw(st.sets(st.integers(0, count - 1)))
    size = drawing.steps_per_cell(count, data.draw(st.integers(1, 600)))

    done_per_cell = drawing.done_per_cell(bitmap(count, steps), count, size)
    sizes = drawing.sizes(count, size)

    assert done_per_cell == [len([s for s in steps if s // size == cell]) for cell in range(len(sizes))]
    assert sum(sizes) == count


@given(st.integers(1, 10**8), st.integers(1, 2000))
def test_there_are_never_more_cells_than_there_is_room(count: int, most_cells: int) -> None:
    size = drawing.steps_per_cell(count, most_cells)

    assert -(-count // size) <= most_cells
    assert size == 1 or size % 8 == 0
