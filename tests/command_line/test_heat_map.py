"""The heat map: exact text, whatever the width and the colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.text import Text

from donebit.command_line.heat_map import SHADES, heat_map
from donebit.command_line.terminal import Terminal, percent

Row = tuple[int, list[int | None], int | None]
ROWS: list[Row] = [
    (1810, [1810, 1200, 3], None),
    (0, [0, 0, 0], 2),
    (7, [7, 0, None], 1),
    (3, [3, None, None], 0),
]
AVERAGES = [(1817, 1817), (1810, 1200), (1810, 3)]


def matrix(rows: list[Row], averages: list[tuple[int, int]]) -> dict[str, Any]:
    """What distinct_app answers, as far as it is drawn."""
    return {
        "granularity": "week",
        "rows": [
            {"period": f"2026-W{number:02}", "users": users, "counts": counts, "running": running}
            for number, (users, counts, running) in enumerate(rows, start=1)
        ],
        "averages": [{"users": users, "returned": returned} for users, returned in averages],
    }


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    """A terminal of some width and colours; a pipe without a width."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))

    def make(width: int | None = None, colours: Any = "truecolor") -> Terminal:
        terminal = Terminal()
        if width:
            terminal.out = Console(
                file=terminal.out.file, force_terminal=True, width=width, color_system=colours
            )
        return terminal

    return make


def backgrounds(drawn: Text) -> dict[str, str]:
    """The cells that have a shade, by their text."""
    found = {drawn.plain[span.start : span.end].strip(): str(span.style) for span in drawn.spans}
    return {text: style for text, style in found.items() if " on " in style}


def test_in_a_pipe_it_is_plain_text_with_nothing_for_what_lies_ahead(
    at_terminal: Callable[..., Terminal],
) -> None:
    drawn = heat_map(at_terminal(), matrix(ROWS, AVERAGES))

    assert drawn.plain.splitlines() == [
        "week      users    0    1    2",
        "2026-W01  1,810 100%  66%   1%",
        "2026-W02      0    -    -    -",
        "2026-W03      7 100%   0%+",
        "2026-W04      3 100%+",
        "average         100%  66%   1%",
        "+ period not over yet, left out of the average",
    ]
    assert not backgrounds(drawn)


def test_nothing_is_said_of_periods_that_are_not_over_where_none_is_shown(
    at_terminal: Callable[..., Terminal],
) -> None:
    over, nobody = matrix(ROWS[:1], AVERAGES), matrix(ROWS[1:2], [(0, 0)] * 3)

    assert "not over" not in heat_map(at_terminal(), over).plain
    assert heat_map(at_terminal(), nobody).plain.splitlines()[1:] == ["2026-W01      0    -    -    -"]


def test_columns_that_have_begun_for_no_row_are_left_out(at_terminal: Callable[..., Terminal]) -> None:
    drawn = heat_map(at_terminal(), matrix(ROWS[2:], AVERAGES))

    assert drawn.plain.splitlines()[0].split() == ["week", "users", "0", "1"]


@pytest.mark.parametrize("width", [24, 25, 29, 40, 60, 80, 140, 250])
def test_no_width_breaks_it_and_every_cell_is_shown_once(
    at_terminal: Callable[..., Terminal], width: int
) -> None:
    rows: list[Row] = [(100, [100 - c if c < 20 - r else None for c in range(20)], 19 - r) for r in range(20)]

    lines = heat_map(at_terminal(width), matrix(rows, [(100, 50)] * 20)).plain.splitlines()

    assert max(map(len, lines[:-1])) <= width  # the last is a sentence, which may be wrapped
    for number, (_, counts, _) in enumerate(rows, start=1):
        own = [line.split()[2:] for line in lines if line.startswith(f"2026-W{number:02}")]
        assert all(own)  # no row without a cell
        shown = [text.rstrip("+") for line in own for text in line]
        assert shown == [f"{count}%" for count in counts if count is not None]
    heads = [head for line in lines if line.startswith("week") for head in line.split()[2:]]
    assert heads == [str(column) for column in range(20)]


def test_in_a_pipe_no_number_of_columns_breaks_a_row(at_terminal: Callable[..., Terminal]) -> None:
    drawn = heat_map(at_terminal(), matrix([(9, [9] * 100, None)], [(9, 9)] * 100))

    assert len(drawn.plain.splitlines()) == 3


def test_the_more_came_back_the_deeper_the_shade_and_nobody_has_none(
    at_terminal: Callable[..., Terminal],
) -> None:
    counts = [*range(0, 101, 10)]

    shaded = backgrounds(heat_map(at_terminal(80), matrix([(100, counts, None)], [(0, 0)] * 11)))

    tenths = [f"#ffffff on {shade}" for shade in SHADES]
    assert [shaded.get(f"{count}%") for count in counts] == [None, *tenths[1:], tenths[-1]]


@pytest.mark.parametrize("colours", ["standard", None])
def test_a_terminal_whose_colours_are_its_own_has_no_shades(
    at_terminal: Callable[..., Terminal], colours: str | None
) -> None:
    drawn = heat_map(at_terminal(80, colours), matrix(ROWS, AVERAGES))

    assert not backgrounds(drawn)
    assert "66%" in drawn.plain


@pytest.mark.parametrize("colours", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_every_shade_has_contrast_to_its_text_and_to_the_terminal(
    colours: ColorSystem,
) -> None:
    light = [luminance(Color.parse(shade).downgrade(colours)) for shade in SHADES]

    # WCAG 2.2, 1.4.3: text 4.5; and of a surface beside another 2 are seen here, for the number says it too.
    assert min(contrast(1.0, one) for one in light) >= 4.5
    assert min(contrast(one, 0.0) for one in light) >= 2


@pytest.mark.parametrize("colours", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_no_shade_returns_once_it_was_left(colours: ColorSystem) -> None:
    shown = [Color.parse(shade).downgrade(colours).get_truecolor().hex for shade in SHADES]

    changes = [one for before, one in pairwise(["", *shown]) if one != before]
    assert len(changes) == len(set(changes)) >= 5


def luminance(colour: Color) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [part / 255 for part in colour.get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@given(st.integers(1, 10**9).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_a_percentage_is_0_of_nothing_alone_and_100_of_all_alone(counted: tuple[int, int]) -> None:
    part, whole = counted

    said = percent(part, whole)

    assert re.fullmatch(r"\d+%", said)
    assert (said == "0%") == (part == 0)
    assert (said == "100%") == (part == whole)
    assert abs(int(said[:-1]) - 100 * part / whole) <= 1
