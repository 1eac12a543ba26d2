"""Reads a file of visits, CSV or NDJSON, row by row, and knows its position at any time."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from donebit.command_line.exit_codes import UsageError
from donebit.command_line.load.fields import Getter, getter
from donebit.command_line.load.source import Source
from donebit.errors import InvalidInput
from donebit.json_reading import read_json

READ_BYTES = 1 << 20
LINE_END_BYTES = 1 << 16  # in which a line ends
LONGEST_LINE = 1 << 20
# What stands for a longer line: neither JSON nor, as its field is too large even within quotes, CSV.
TOO_LONG = "\0" * (csv.field_size_limit() + 1)
LIST_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the file's columns; the event and the time may be given for all rows instead."""

    user: tuple[str, ...]  # the first that holds something
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

    def __init__(self, source: Source) -> None:
        self._source = source
        self._end = _line_end(source)
        self.offset = 0  # in bytes of UTF-8, of the next line
        self.number = 0  # of the last line given out, from 1
        self.is_too_long = False  # whether the last line given out is TOO_LONG
        self._lines = self._read()

    def go_to(self, offset: int, number: int) -> None:
        """Go to a later line; what cannot be gone to, such as the middle of a compressed file, is read."""
        if offset != self.offset and self._source.seek(offset):
            self.offset, self._lines = offset, self._read()
        while self.offset < offset and next(self._lines, None) is not None:
            pass
        self.number = number

    def __iter__(self) -> Iterator[str]:
        """Yield each line from here on. A byte that is not UTF-8 becomes a lone surrogate, refused later."""
        return self._lines

    def _read(self) -> Iterator[str]:
        rest, end, cut = b"", self._end, 0  # cut: bytes of a line too long to keep
        while block := self._source.read(READ_BYTES):
            *whole, rest = (rest + block).split(end)
            # Only the first can be too long: a block is no longer than a line may be.
            if whole and (cut or len(whole[0]) > LONGEST_LINE):
                yield from self._too_long(cut + len(whole.pop(0)) + 1)
                cut = 0
            for line in whole:
                self.offset += len(line) + 1
                self.number += 1
                yield line.decode(errors="surrogateescape") + "\n"
            if cut or len(rest) > LONGEST_LINE:
                cut, rest = cut + len(rest), b""
        if self._source.size:
            self._source.size.check(in_line=bool(cut or rest))
        if cut:
            yield from self._too_long(cut)
        elif rest:
            self.offset += len(rest)
            self.number += 1
            yield rest.decode(errors="surrogateescape")

    def _too_long(self, size: int) -> Iterator[str]:
        """Yield what stands for a line of so many bytes, its end included."""
        self.offset += size
        self.number += 1
        self.is_too_long = True
        yield TOO_LONG
        self.is_too_long = False

    def bad_line(self, detail: str) -> BadLine:
        """Say of the last line that it is not a visit: that it is too long, if it is, else what is given."""
        return BadLine(f"is longer than {LONGEST_LINE} bytes" if self.is_too_long else detail)


def _line_end(source: Source) -> bytes:
    """Return what ends a line: a line feed, or a bare carriage return as once on the Macintosh."""
    head = source.peek(LINE_END_BYTES)
    return b"\r" if b"\r" in head and b"\n" not in head else b"\n"


SEPARATOR_SAID = ["sep=", ""]  # `sep=;`, a first line for Excel, as the separator divides it
SEPARATORS = {";": "';'", "\t": "$'\\t'", "|": "'|'"}  # other than a comma, each as a shell takes it


def _other_separator(names: list[str]) -> str:
    """What separates the names where the delimiter does not, as a shell takes it; empty for nothing."""
    (only, *others) = names or [""]
    return "" if others else next((shown for one, shown in SEPARATORS.items() if one in only), "")


def _reason(error: csv.Error) -> str:
    """Why a line is not CSV; of a carriage return Python says how a program had to open the file."""
    said = str(error)
    return "a carriage return stands outside of quotes" if said.startswith("new-line character") else said


class CsvRows:
    """The rows of a CSV file, whose first line names its columns."""

    def __init__(self, source: Source, columns: Columns, delimiter: str) -> None:
        self.lines = FileLines(source)
        self._columns, self._delimiter = columns, delimiter
        header = self._header()
        self._names = [name.strip() for name in header]
        self._separator = _other_separator(header)
        users = [self._place(name, "user") for name in columns.user]
        at = None if columns.every_at else self._place(columns.at, "at")
        event = None if columns.every_event else self._place(columns.event, "event")
        self._pick = self._picker(users, at, event)
        self.first_offset, self.first_number = self.lines.offset, self.lines.number

    def _header(self) -> list[str]:
        reader = self._reader(self.lines)
        try:
            header = next(reader, [])
            if header == SEPARATOR_SAID:
                header = next(reader, [])
        except csv.Error as error:
            detail = self.lines.bad_line(f"is not CSV: {_reason(error)}").detail
            raise UsageError(f"the first line {detail}; is this a file of visits?") from None
        return header

    def _reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        # Strictly: a quote that nothing closes would swallow all lines up to the next one.
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _place(self, name: str, what: str) -> int:
        if (times := self._names.count(name)) > 1:
            raise UsageError(f"the first line has {times} columns {name!r}, of which only one could be used")
        if times:
            return self._names.index(name)
        if self._separator:
            found = f"no column {name!r}, only {self._names[0]!r}"
            raise UsageError(f"the first line has {found}: --delimiter {self._separator} reads it")
        other = "" if what == "user" else f", or --{what} gives one for all lines"
        found = ", ".join(map(repr, self._names[:20])) or "nothing"
        raise UsageError(
            f"the first line has no column {name!r}, only {found}; --{what}-column names another{other}"
        )

    def _picker(self, users: list[int], at: int | None, event: int | None) -> Callable[[list[str]], Row]:
        every_at, every_event, user = self._columns.every_at, self._columns.every_event, users[0]
        if len(users) > 1:
            return lambda row: (
                every_event if event is None else row[event],
                next((row[place] for place in users if row[place]), ""),
                every_at if at is None else row[at],
                None,
            )
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
                yield from self._rows(self._reader(lines))
                return
            except csv.Error as error:
                yield self.lines.bad_line(_reason(error))

    def _rows(self, rows: Iterator[list[str]]) -> Iterator[Row | BadLine | None]:
        pick, columns = self._pick, len(self._names)
        for row in rows:
            # A separator within a value shifts what follows it; one at the end is what some programs write.
            if len(row) > columns and any(row[columns:]):
                yield self._misfit(row)
                continue
            try:
                yield pick(row)
            except IndexError:
                yield self._misfit(row) if row else None

    def _misfit(self, row: list[str]) -> BadLine:
        return BadLine(f"has {len(row)} columns, but the first line has {len(self._names)}")


class NdjsonRows:
    """The rows of an NDJSON file: a JSON object per line."""

    first_offset = first_number = 0

    def __init__(self, source: Source, columns: Columns) -> None:
        if LIST_OF_OBJECTS.match(source.peek(LINE_END_BYTES)):
            raise UsageError(
                "the file is one JSON list, not a JSON object a line: jq -c '.[]' FILE | donebit load -"
            )
        self.lines = FileLines(source)
        self._getters = (
            _given(columns.every_event) or getter([columns.event]),
            getter(columns.user),
            _given(columns.every_at) or getter([columns.at]),
        )

    def __iter__(self) -> Iterator[Row | BadLine | None]:
        event, user, at = self._getters
        for line in self.lines:
            try:
                fields = read_json(line, any_number=True)
                yield event(fields), user(fields), at(fields), fields.get("ids")
            except KeyError as error:
                yield BadLine(f"has no {error.args[0]!r}")
            except (AttributeError, TypeError):
                yield BadLine("is not a JSON object")
            except InvalidInput as error:
                yield BadLine(error.detail)
            except ValueError:
                yield self.lines.bad_line("is not JSON") if line.strip() else None


def _given(value: str | None) -> Getter | None:
    return None if value is None else lambda _: value


def looks_like_ndjson(source: Source) -> bool:
    """Return whether a file begins as a JSON object does."""
    return source.peek(LINE_END_BYTES).lstrip()[:1] == b"{"


Rows = CsvRows | NdjsonRows
