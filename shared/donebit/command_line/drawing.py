"""A task's bitmap drawn with characters: a cell for each step, or a shaded cell for many."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from rich.text import Text

from donebit.command_line.terminal import Terminal
from donebit.formatting import number

ROWS = 12  # more would push the lines above out of a small terminal
MARGIN = 2
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Symbols:
    """The characters of a drawing. They differ in shape, so that it can be read without colour."""

    missing: str
    partly: str  # from nearly empty to nearly full
    full: str
    failed: str
    end: str


BLOCKS = Symbols("·", "░▒▓", "█", TIMES, "◆")
ASCII = Symbols(".", "-+*", "#", "x", "E")
STYLES = {"missing": "dim", "partly": "cyan", "full": "green", "failed": "bold red", "end": "bold"}


def draw(terminal: Terminal, count: int, bits: bytes, failed: Set[int]) -> Text:
    """Draw the bitmap, and its legend below.

    Args:
        terminal: Its width and character set decide how it is drawn.
        count: How many steps the task has.
        bits: Bits 0..count; bit 0 is the highest of the first byte.
        failed: The failed steps.
    """
    marks = BLOCKS if terminal.has_blocks else ASCII
    width = max(min(terminal.out.width, 100) - 2 * MARGIN, 8)
    size = steps_per_cell(count, width * ROWS)
    cells = [
        *shades(
            marks, done_per_cell(bits, count, size), sizes(count, size), {step // size for step in failed}
        )
    ]
    drawn = Text()
    for first in range(0, len(cells) + 1, width):
        line = [*cells[first : first + width], *([(marks.end, "end")] if first + width > len(cells) else [])]
        drawn.append(" " * MARGIN)
        for mark, kind in line:
            drawn.append(mark, style=STYLES[kind])
        drawn.append("\n")
    return drawn.append_text(legend(marks, size))


def steps_per_cell(count: int, most_cells: int) -> int:
    """Return 1 if that fits; otherwise a multiple of 8, so that whole bytes can be counted."""
    if count <= most_cells:
        return 1
    return -(-count // most_cells // 8) * 8 or 8


def done_per_cell(bits: bytes, count: int, size: int) -> list[int]:
    """Count the done steps of each cell; the end marker is not a step."""
    if size == 1:
        return [bits[step // 8] >> (7 - step % 8) & 1 for step in range(count)]
    cells = []
    for first in range(0, count, size):
        last = min(count, first + size)
        held = int.from_bytes(bits[first // 8 : -(-last // 8)], "big")
        cells.append((held >> -last % 8).bit_count())  # without the bits after the last step
    return cells


def sizes(count: int, size: int) -> list[int]:
    """Return how many steps each cell stands for; the last may have fewer."""
    return [min(size, count - first) for first in range(0, count, size)]


def shades(marks: Symbols, done: list[int], of: list[int], failed: Set[int]) -> Iterable[tuple[str, str]]:
    """Yield the mark of each cell and its kind. A cell with any failed step is marked failed."""
    for cell, (some, whole) in enumerate(zip(done, of, strict=True)):
        if cell in failed:
            yield marks.failed, "failed"
        elif some in (0, whole):
            yield (marks.full, "full") if some else (marks.missing, "missing")
        else:
            yield marks.partly[some * len(marks.partly) // whole], "partly"


def legend(marks: Symbols, size: int) -> Text:
    line = Text(" " * MARGIN, style="dim")
    parts = [
        (marks.full, "full", "done"),
        (marks.missing, "missing", "missing"),
        (marks.failed, "failed", "failed"),
    ]
    parts += [(marks.partly, "partly", "partly done")] if size > 1 else []
    for mark, kind, meaning in [*parts, (marks.end, "end", "end marker")]:
        line.append(mark, style=STYLES[kind]).append(f" {meaning}  ")
    line.append("one cell per step" if size == 1 else f"{number(size)} steps per cell")
    return line
