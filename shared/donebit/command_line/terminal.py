"""Writes the command's output: for a terminal, for a pipe, or as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from donebit.command_line.exit_codes import BrokenPipe, OutputLost
from donebit.utf8 import one_line

WIDTH_OF_PIPES = 200  # wide enough that no line is broken
# What JSON may hold as it is and a terminal obeys, or takes for the end of a line or a turn of the writing.
CONTROL = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
STATE_STYLES = {"running": "cyan", "done": "green", "failed": "red", "cancelled": "yellow"}


class Terminal:
    """Writes answers to stdout, and notes and errors to stderr."""

    def __init__(self) -> None:
        self.out, self.err = _console(sys.stdout), _console(sys.stderr)

    @property
    def can_ask(self) -> bool:
        """Whether stdin and stderr are a terminal, so that a question can be asked."""
        return all(one is not None and one.isatty() for one in (sys.stdin, sys.stderr))

    def say(self, text: RenderableType) -> None:
        """Print a part of the answer, and a newline."""
        text = one_line(text, "\n") if isinstance(text, str) else text
        with _told_if_lost():
            self.out.print(text, markup=False, highlight=False, soft_wrap=not self.out.is_terminal)

    def lines(self, texts: Iterable[str]) -> None:
        """Print many lines of the answer, as they are whatever the width."""
        self._write("".join(f"{text}\n" for text in texts))

    def answer(self, answer: Any, describe: Callable[[Any], RenderableType], *, as_json: bool) -> None:
        """Print a service's answer: as JSON, or as `describe` puts it in words."""
        if as_json:
            self.as_json(answer)
        else:
            self.say(describe(answer))

    def answers(
        self,
        found: Sequence[Any],
        heads: Iterable[str | Column],
        row: Callable[[Any], Iterable[str | Text]],
        *,
        nothing: str,
        as_json: bool,
    ) -> None:
        """Print a list: as JSON, one entry a line, or as a table; `nothing` where there are none."""
        if as_json:
            for one in found:
                self.as_json(one)
        elif found:
            frame = box.SIMPLE_HEAD if self.out.is_terminal else None
            table = Table(*heads, box=frame, pad_edge=False, show_edge=False)
            for one in found:
                table.add_row(*row(one))
            self.say(table)
        else:
            self.say(nothing)

    def note(self, text: str) -> None:
        """Print a note to stderr, on one line."""
        with suppress(OSError):  # there is nowhere else to say it
            self.err.print(Text(one_line(text), style="dim"), soft_wrap=True)

    def print_error(self, text: str) -> None:
        """Print an error; the newlines in it are the command's own."""
        with suppress(OSError):  # as for a note
            self.err.print(Text.assemble(("error: ", "bold red"), one_line(text, "\n")), soft_wrap=True)

    def as_json(self, answer: Any) -> None:
        """Print JSON on one line; characters that stdout cannot encode, or a terminal obeys, are escaped."""
        text = json.dumps(answer, ensure_ascii=not self.has_blocks)
        self._write(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")

    def _write(self, text: str) -> None:
        with _told_if_lost():
            self.out.file.write(text)
            self.out.file.flush()

    @property
    def has_shades(self) -> bool:
        """Whether stdout has 256 colours or more: the first 16 differ between terminals."""
        return self.out.color_system in ("256", "truecolor")

    @property
    def has_blocks(self) -> bool:
        """Whether stdout can show block characters."""
        return "utf" in self.out.encoding


class Output(Console):
    """A console that raises BrokenPipe when its reader is gone."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipe; the library would exit at once with an exit code of its own."""
        raise BrokenPipe("")


@contextmanager
def _told_if_lost() -> Iterator[None]:
    """Raise what ends the command where the output cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise BrokenPipe("") from None
    except OSError as error:
        raise lost(error) from None


def lost(error: OSError) -> OutputLost:
    """Say that the output cannot be written, and why."""
    return OutputLost(f"the output cannot be written: {error.strerror}")


def _console(file: TextIO | None) -> Console:
    if file is None:  # the shell closed it: `donebit ... 2>&-`
        file = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the command runs
    file.reconfigure(errors="replace")  # type: ignore[attr-defined] # a character that cannot be encoded must not end a command
    console = Output(file=file)
    return console if console.is_terminal else Output(file=file, width=WIDTH_OF_PIPES)


def state_text(state: str) -> Text:
    return Text(one_line(state), style=STATE_STYLES.get(state, ""))


def percent(part: int, whole: int) -> str:
    """Return a percentage, rounded down; 100% only for all, 0% only for none, - if `whole` is 0."""
    if not whole:
        return "-"
    return f"{min(99, max(1, part * 100 // whole)) if 0 < part < whole else part * 100 // whole}%"
