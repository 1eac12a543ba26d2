"""The retention matrix as a table of percentages, shaded by how high they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from donebit.command_line.service import Answer
from donebit.command_line.terminal import Terminal, percent
from donebit.formatting import number
from donebit.utf8 import one_line

CELL = 5  # characters: as wide as 100%+
GAP = 2
OPEN = "+"  # after a share whose period is not over yet
AVERAGE, USERS = "average", "users"
# Tenths, from grey to magenta at nearly one lightness (OKLCH 0.40 to 0.54), so that each stands out on light
# terminals and on dark. White is read on each, and on the nearest of 256 colours: contrasts of 4.9 and more.
SHADES = (
    "#434850",
    "#444b63",
    "#4a4b74",
    "#554a84",
    "#654690",
    "#773f98",
    "#8b369b",
    "#a02899",
    "#b50891",
    "#c40081",
)


def heat_map(terminal: Terminal, matrix: Answer) -> Text:
    """Draw a row for each cohort and a column for each period, in blocks as wide as the terminal."""
    return Text("\n").join(_Table(terminal, matrix).lines())


class _Table:
    """The lines of a matrix, and the widths of its columns."""

    def __init__(self, terminal: Terminal, matrix: Answer) -> None:
        self.terminal, self.rows, self.averages = terminal, matrix["rows"], matrix["averages"]
        self.heading = matrix["granularity"]
        self.columns = max(sum(count is not None for count in row["counts"]) for row in self.rows)
        self.label = max(len(self.heading), len(AVERAGE), *(len(row["period"]) for row in self.rows))
        self.users = max(len(USERS), *(len(number(row["users"])) for row in self.rows))

    def lines(self) -> Iterator[Text]:
        for first in range(0, self.columns, self.fitting()):
            shown = range(first, min(first + self.fitting(), self.columns))
            if first:
                yield Text("")
            yield from self.block(shown)
        if any(row["users"] and row["running"] is not None for row in self.rows):
            yield Text(f"{OPEN} period not over yet, left out of the average", style="dim")

    def fitting(self) -> int:
        """Return how many columns fit the terminal; in a pipe all of them do."""
        out = self.terminal.out
        room = out.width - self.label - GAP - self.users - 1
        return max(room // CELL, 1) if out.is_terminal else self.columns

    def block(self, shown: range) -> Iterator[Text]:
        heads = [Text(f"{column:>{CELL - 1}} ") for column in shown]
        yield self.line(self.heading, USERS, heads, "dim")
        for row in self.rows:
            if row["counts"][shown.start] is not None:
                cells = [self.cell(row, column) for column in shown]
                yield self.line(row["period"], number(row["users"]), cells)
        averages = [self.average(column) for column in shown]
        if any(one.plain.strip() for one in averages):
            yield self.line(AVERAGE, "", averages, "bold")

    def line(self, label: str, users: str, cells: Sequence[Text], style: str = "") -> Text:
        begin = f"{one_line(label):<{self.label}}{' ' * GAP}{users:>{self.users}} "
        line = Text(begin, style).append_text(Text("").join(cells))
        line.rstrip()
        return line

    def cell(self, row: Answer, column: int) -> Text:
        """Return an empty cell for a period that has not begun, a dash for a cohort without users."""
        count = row["counts"][column]
        if count is None:
            return Text(" " * CELL)
        users = row["users"]
        suffix = OPEN if users and row["running"] == column else " "
        return Text(f"{percent(count, users) + suffix:>{CELL}}", self.shade(count, users))

    def average(self, column: int) -> Text:
        one = self.averages[column]
        text = percent(one["returned"], one["users"]) if one["users"] else ""
        return Text(f"{text:>{CELL - 1}} ")

    def shade(self, count: int, users: int) -> str:
        if not count or not self.terminal.has_shades:
            return ""
        level = min(count * len(SHADES) // users, len(SHADES) - 1)
        return f"#ffffff on {SHADES[level]}"
