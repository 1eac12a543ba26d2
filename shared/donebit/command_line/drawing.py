"""A task's bitmap, drawn with characters: a cell a step, or one for many with a shade."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from rich.text import Text

from donebit.command_line.terminal import Terminal
from donebit.formatting import number

ROWS = 12  # more would not fit beside what is said above it
MARGIN = 2
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Symbols:
    """What stands for what; told apart by shape, and by colour where there is colour."""

    missing: str
    partly: str  # from nearly empty to nearly full
    full: str
    failed: str
    end: str


BLOCKS = Symbols("·", "░▒▓", "█", TIMES, "◆")
ASCII = Symbols(".", "-+*", "#", "x", "E")
STYLES = {"missing": "dim", "partly": "cyan", "full": "green", "failed": "bold red", "end": "bold"}


def draw(terminal: Terminal, count: int, bits: bytes, failed: Set[int]) -> Text:
    """The bitmap and its legend.

    Args:
        count: how many steps the task has
        bits: bits 0..count, bit 0 the highest of the first byte
        failed: the steps that gave up
    """
    marks = BLOCKS if terminal.draws else ASCII
    width = max(min(terminal.out.width, 100) - 2 * MARGIN, 8)
    size = steps_a_cell(count, width * ROWS)
    cells = [*shades(marks, filled(bits, count, size), sizes(count, size), {step // size for step in failed})]
    drawn = Text()
    for first in range(0, len(cells) + 1, width):
        line = [*cells[first : first + width], *([(marks.end, "end")] if first + width > len(cells) else [])]
        drawn.append(" " * MARGIN)
        for mark, kind in line:
            drawn.append(mark, style=STYLES[kind])
        drawn.append("\n")
    return drawn.append_text(legend(marks, size))


def steps_a_cell(count: int, most_cells: int) -> int:
    """1 where that fits; else whole bytes, so that bytes can be counted."""
    if count <= most_cells:
        return 1
    return -(-count // most_cells // 8) * 8 or 8


def filled(bits: bytes, count: int, size: int) -> list[int]:
    """How many steps of each cell are done; the end marker is none of them."""
    if size == 1:
        return [bits[step // 8] >> (7 - step % 8) & 1 for step in range(count)]
    cells = []
    for first in range(0, count, size):
        last = min(count, first + size)
        held = int.from_bytes(bits[first // 8 : -(-last // 8)], "big")
        cells.append((held >> -last % 8).bit_count())  # of the last byte, what is beyond the steps falls off
    return cells


def sizes(count: int, size: int) -> list[int]:
    """How many steps each cell stands for; the last one for what is left."""
    return [min(size, count - first) for first in range(0, count, size)]


def shades(marks: Symbols, done: list[int], of: list[int], failed: Set[int]) -> Iterable[tuple[str, str]]:
    """The mark of each cell, and its kind. A cell with a failed step says so, whatever else is in it."""
    for cell, (some, all_of_it) in enumerate(zip(done, of, strict=True)):
        if cell in failed:
            yield marks.failed, "failed"
        elif some in (0, all_of_it):
            yield (marks.full, "full") if some else (marks.missing, "missing")
        else:
            yield marks.partly[some * len(marks.partly) // all_of_it], "partly"


def legend(marks: Symbols, size: int) -> Text:
    told = Text(" " * MARGIN, style="dim")
    parts = [
        (marks.full, "full", "done"),
        (marks.missing, "missing", "missing"),
        (marks.failed, "failed", "failed"),
    ]
    parts += [(marks.partly, "partly", "partly done")] if size > 1 else []
    for mark, kind, meaning in [*parts, (marks.end, "end", "end marker")]:
        told.append(mark, style=STYLES[kind]).append(f" {meaning}  ")
    told.append("a cell is a step" if size == 1 else f"a cell is {number(size)} steps")
    return told
