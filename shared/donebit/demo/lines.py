"""Prints every process's lines, each with the time and the process's name before it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

from donebit.utf8 import one_line

TAB = "\t"
COLOURS = (36, 33, 32, 35, 34, 96, 93)  # of ANSI terminals, legible on dark and on light
LEVELS = {"WARNING: ": 33, "ERROR: ": 31, "CRITICAL: ": 31}  # as the lines of the processes begin


class Lines:
    """The one place that writes to the terminal."""

    def __init__(
        self, out: TextIO, names: Sequence[str], *, coloured: bool, objects_bare: bool = False
    ) -> None:
        """Prepare to print lines.

        Args:
            out: Where to print.
            names: The names of all processes; they decide the width of the prefix.
            coloured: Colour the prefixes.
            objects_bare: Print lines that are JSON objects without a prefix, for programs that read them.
        """
        self._out = out
        self._names = list(names)
        self._width = max(map(len, names))
        self._coloured = coloured
        self._objects_bare = objects_bare
        self.unread = False  # the pipe or the terminal was closed

    def show(self, name: str, line: str) -> None:
        bare = self._objects_bare and line.startswith("{")
        self.plain(line if bare else f"{self._prefix(name)} {self._text(line)}")

    def _text(self, line: str) -> str:
        """The line, in the colour of its level at a terminal."""
        line = one_line(line, keep=TAB)
        colour = next((colour for start, colour in LEVELS.items() if line.startswith(start)), None)
        return f"\x1b[{colour}m{line}\x1b[0m" if self._coloured and colour else line

    def plain(self, line: str) -> None:
        """Print a line without a prefix, for programs that look for it."""
        if self.unread:
            return
        try:
            self._out.write(line + "\n")
            self._out.flush()
        except OSError:
            self._give_up()

    def _prefix(self, name: str) -> str:
        prefix = f"{time.strftime('%H:%M:%S')} {name:<{self._width}} |"
        if not self._coloured:
            return prefix
        return f"\x1b[{COLOURS[self._names.index(name) % len(COLOURS)]}m{prefix}\x1b[0m"

    def _give_up(self) -> None:
        """Let Python write to nothing: it flushes again as it exits, and would print an error."""
        self.unread = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._out.fileno())
        os.close(nothing)


def is_coloured(out: TextIO, environment: dict[str, str]) -> bool:
    """Whether to use colours: at a terminal, unless NO_COLOR is set and not empty (no-color.org)."""
    return out.isatty() and not environment.get("NO_COLOR")
