"""A file of visits, row by row: CSV or NDJSON, of any size, with the place in it at any time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from donebit.command_line.exit_codes import UsageError

READ_AT_ONCE = 1 << 20
LONGEST_LINE = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Columns:
    """What the parts of a visit are called in the file; `event` and `at` may be given for all."""

    user: str
    at: str
    event: str
    every_event: str | None
    every_at: str | None


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no visit, and why."""

    detail: str


Row = tuple[object, object, object]  # event, user, at; as they stand there


class FileLines:
    """The lines of a file, and where the next one begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = 0  # of the first byte that was not given out
        self.number = 0  # of the last line that was

    def go_to(self, offset: int, number: int) -> None:
        self._file.seek(offset)
        self.offset, self.number = offset, number

    def __iter__(self) -> Iterator[str]:
        """Each line. A byte that is no UTF-8 becomes a lone surrogate, which nothing accepts."""
        rest = b""
        while block := self._file.read(READ_AT_ONCE):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                self.offset += len(line) + 1
                self.number += 1
                yield line.decode(errors="surrogateescape") + "\n"
            if len(rest) > LONGEST_LINE:
                raise UsageError(
                    f"line {self.number + 1} is longer than {LONGEST_LINE} bytes: is this a file of visits?"
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
        self.begins_at, self.begins_after = self.lines.offset, self.lines.number

    def _place(self, name: str, what: str) -> int:
        if name in self._names:
            return self._names.index(name)
        other = "" if what == "user" else f", --{what} gives one for all"
        found = ", ".join(map(repr, self._names[:20])) or "nothing"
        raise UsageError(
            f"the first line names no column {name!r}, but {found}: --{what}-column names another{other}"
        )

    def _picker(self, user: int, at: int | None, event: int | None) -> Callable[[list[str]], Row]:
        every_at, every_event = self._columns.every_at, self._columns.every_event
        if at is not None and event is not None:
            return lambda row: (row[event], row[user], row[at])
        if at is not None:
            return lambda row: (every_event, row[user], row[at])
        if event is not None:
            return lambda row: (row[event], row[user], every_at)
        return lambda row: (every_event, row[user], every_at)

    def __iter__(self) -> Iterator[Row | Bad | None]:
        """A row a visit; None for an empty line."""
        lines = iter(self.lines)
        while True:
            try:
                yield from self._rows(csv.reader(lines, delimiter=self._delimiter))
                return
            except csv.Error as error:
                yield Bad(str(error))

    def _rows(self, rows: Iterator[list[str]]) -> Iterator[Row | Bad | None]:
        pick = self._pick
        for row in rows:
            try:
                yield pick(row)
            except IndexError:
                yield (
                    Bad(f"has {len(row)} columns, and the first line names {len(self._names)}")
                    if row
                    else None
                )


class NdjsonRows:
    """The rows of an NDJSON file: a JSON object a line."""

    begins_at = begins_after = 0

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self.lines = FileLines(file)
        self._columns = columns

    def __iter__(self) -> Iterator[Row | Bad | None]:
        columns, loads = self._columns, json.loads
        for line in self.lines:
            try:
                told = loads(line)
                yield (
                    columns.every_event or told[columns.event],
                    told[columns.user],
                    columns.every_at or told[columns.at],
                )
            except KeyError as error:
                yield Bad(f"has no {error.args[0]!r}")
            except TypeError:
                yield Bad("is no JSON object")
            except (ValueError, RecursionError):
                yield Bad("is no JSON") if line.strip() else None


Rows = CsvRows | NdjsonRows
