"""What the person at the terminal sees: every process's lines, each with the time and its name before it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93)  # of ANSI terminals, legible on dark and on light; red is for errors


class Lines:
    """The one place that writes to the terminal."""

    def __init__(
        self, out: TextIO, names: Sequence[str], *, coloured: bool, objects_bare: bool = False
    ) -> None:
        """
        Args:
            objects_bare: a line that is a JSON object is for a program, and has nothing before it
        """
        self._out = out
        self._names = list(names)
        self._width = max(map(len, names))
        self._coloured = coloured
        self._objects_bare = objects_bare
        self.unread = False  # the reader went away: a closed pipe, a terminal that is gone

    def show(self, name: str, line: str) -> None:
        bare = self._objects_bare and line.startswith("{")
        self.plain(line if bare else f"{self._prefix(name)} {line}")

    def plain(self, line: str) -> None:
        """A line with nothing before it, for programs that look for it."""
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
        """Python flushes once more as it exits, and would complain: let it write into nothing."""
        self.unread = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._out.fileno())
        os.close(nothing)


def is_coloured(out: TextIO, environment: dict[str, str]) -> bool:
    """Colour is for people: not for files, nor for who said NO_COLOR (no-color.org: set and not empty)."""
    return out.isatty() and not environment.get("NO_COLOR")
