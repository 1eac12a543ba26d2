"""Reads a file of visits, CSV or NDJSON, row by row, and knows its position at any time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from donebit.command_line.exit_codes import UsageError

READ_BYTES = 1 << 20
LONGEST_LINE = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the file's columns; the event and the time may be given for all rows instead."""

    user: str
    at: str
    event: str
    every_event: str | None
    every_at: str | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a visit, and why."""

    detail: str


# Event, user, at and ids, as the file has them; ids is how a line wants its user held, None where it says
# nothing.
Row = tuple[object, object, object, object]


class FileLines:
    """The lines of a file, and the position of the next one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = 0  # in bytes, of the next line
        self.number = 0  # of the last line given out, from 1

    def go_to(self, offset: int, number: int) -> None:
        self._file.seek(offset)
        self.offset, self.number = offset, number

    def __iter__(self) -> Iterator[str]:
        """Yield each line. A byte that is not UTF-8 becomes a lone surrogate, which is refused later."""
        rest = b""
        while block := self._file.read(READ_BYTES):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                self.offset += len(line) + 1
                self.number += 1
                yield line.decode(errors="surrogateescape") + "\n"
            if len(rest) > LONGEST_LINE:
                raise UsageError(
                    f"line {self.number + 1} is longer than {LONGEST_LINE} bytes; is this a file of visits?"
                )
        if rest:
            self.offset += len(rest)
            self.number += 1
            yield rest.decode(errors="surrogateescape")


class CsvRows:
    """The rows of a CSV file, whose first line names its columns."""

    def __init__(self, file: BinaryIO, columns: Columns, delimiter: str) -> None:
        self.lines = FileLines(file)
        self._columns, self._delimiter = columns, delimiter
        header = next(csv.reader(self.lines, delimiter=delimiter), [])
        self._names = [name.removeprefix(BYTE_ORDER_MARK.decode()).strip() for name in header]
        user = self._place(columns.user, "user")
        at = None if columns.every_at else self._place(columns.at, "at")
        event = None if columns.every_event else self._place(columns.event, "event")
        self._pick = self._picker(user, at, event)
        self.first_offset, self.first_number = self.lines.offset, self.lines.number

    def _place(self, name: str, what: str) -> int:
        if name in self._names:
            return self._names.index(name)
        other = "" if what == "user" else f", or --{what} gives one for all lines"
        found = ", ".join(map(repr, self._names[:20])) or "nothing"
        raise UsageError(
            f"the first line has no column {name!r}, only {found}; --{what}-column names another{other}"
        )

    def _picker(self, user: int, at: int | None, event: int | None) -> Callable[[list[str]], Row]:
        every_at, every_event = self._columns.every_at, self._columns.every_event
        if at is not None and event is not None:
            return lambda row: (row[event], row[user], row[at], None)
        if at is not None:
            return lambda row: (every_event, row[user], row[at], None)
        if event is not None:
            return lambda row: (row[event], row[user], every_at, None)
        return lambda row: (every_event, row[user], every_at, None)

    def __iter__(self) -> Iterator[Row | BadLine | None]:
        """Yield each row; None for an empty line."""
        lines = iter(self.lines)
        while True:
            try:
                yield from self._rows(csv.reader(lines, delimiter=self._delimiter))
                return
            except csv.Error as error:
                yield BadLine(str(error))

    def _rows(self, rows: Iterator[list[str]]) -> Iterator[Row | BadLine | None]:
        pick = self._pick
        for row in rows:
            try:
                yield pick(row)
            except IndexError:
                yield (
                    BadLine(f"has {len(row)} columns, but the first line has {len(self._names)}")
                    if row
                    else None
                )


class NdjsonRows:
    """The rows of an NDJSON file: a JSON object per line."""

    first_offset = first_number = 0

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self.lines = FileLines(file)
        self._columns = columns

    def __iter__(self) -> Iterator[Row | BadLine | None]:
        columns, loads = self._columns, json.loads
        for line in self.lines:
            try:
                fields = loads(line)
                yield (
                    columns.every_event or fields[columns.event],
                    fields[columns.user],
                    columns.every_at or fields[columns.at],
                    fields.get("ids"),
                )
            except KeyError as error:
                yield BadLine(f"has no {error.args[0]!r}")
            except (AttributeError, TypeError):
                yield BadLine("is not a JSON object")
            except (ValueError, RecursionError):
                yield BadLine("is not JSON") if line.strip() else None


Rows = CsvRows | NdjsonRows
