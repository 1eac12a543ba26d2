"""What is written, and how: for a person at a terminal, in a pipe, or as JSON for a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from donebit.command_line.exit_codes import BrokenPipe
from donebit.formatting import number

WIDTH_OF_PIPES = 200  # nobody sees an edge there, and a program that reads wants no line broken
STATE_STYLES = {"running": "cyan", "done": "green", "failed": "red", "cancelled": "yellow"}

# As good as printable: spaces of other scripts, and what joins letters and emoji, or keeps them apart.
HARMLESS = "\n\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


class Terminal:
    """Answers go to stdout; what is said meanwhile, and errors, to stderr."""

    def __init__(self) -> None:
        self.out, self.err = _console(sys.stdout), _console(sys.stderr)

    @property
    def is_asked(self) -> bool:
        """Whether a person sits there who can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: RenderableType) -> None:
        """A line, or more, of the answer."""
        self.out.print(text, markup=False, highlight=False, soft_wrap=not self.out.is_terminal)

    def lines(self, texts: Iterable[str]) -> None:
        """Lines of the answer, as they are whatever the width: for many."""
        self._write("".join(f"{text}\n" for text in texts))

    def answer(self, answer: Any, told: Callable[[Any], RenderableType], *, as_json: bool) -> None:
        """What a service answered: as it is for a script, and in words for a person."""
        if as_json:
            self.as_json(answer)
        else:
            self.say(told(answer))

    def note(self, text: str) -> None:
        """A line beside the answer."""
        self.err.print(Text(printable(text), style="dim"), soft_wrap=True)

    def complain(self, text: str) -> None:
        self.err.print(Text.assemble(("error: ", "bold red"), printable(text)), soft_wrap=True)

    def as_json(self, answer: Any) -> None:
        """One line, whatever the width; what stdout cannot encode is escaped, and so the same still."""
        self._write(json.dumps(answer, ensure_ascii=not self.draws) + "\n")

    def _write(self, text: str) -> None:
        try:
            self.out.file.write(text)
            self.out.file.flush()
        except BrokenPipeError:
            raise BrokenPipe("") from None

    @property
    def has_shades(self) -> bool:
        """Whether stdout has colours that look alike everywhere: the first 16 are each terminal's own."""
        return self.out.color_system in ("256", "truecolor")

    @property
    def draws(self) -> bool:
        """Whether stdout can show block characters."""
        return "utf" in self.out.encoding


class Output(Console):
    """A console whose reader may go away."""

    def on_broken_pipe(self) -> None:
        """Raises Unread; the library would exit at once, with a code of its own."""
        raise BrokenPipe("")


def _console(file: TextIO) -> Console:
    file.reconfigure(errors="replace")  # type: ignore[attr-defined] # a character must not end a command
    console = Output(file=file)
    return console if console.is_terminal else Output(file=file, width=WIDTH_OF_PIPES)


def printable(text: object) -> str:
    """The text without what a terminal would obey: it may come from anywhere."""
    return "".join(
        one if one.isprintable() or one in HARMLESS else "\N{REPLACEMENT CHARACTER}" for one in str(text)
    )


def one_line(text: object) -> str:
    """The same, for where a line stands for one thing."""
    return printable(text).replace("\n", "\N{REPLACEMENT CHARACTER}")


def state_text(state: str) -> Text:
    return Text(printable(state), style=STATE_STYLES.get(state, ""))


def percent(part: int, whole: int) -> str:
    """Never 100% before all of it, and never 0% of something; - of nothing."""
    if not whole:
        return "-"
    return f"{min(99, max(1, part * 100 // whole)) if 0 < part < whole else part * 100 // whole}%"


def count_of(amount: int, thing: str) -> str:
    """1 step, 2 steps."""
    return f"{number(amount)} {thing}" + ("" if amount == 1 else "s")
