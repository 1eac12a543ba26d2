"""A file that another program writes while it is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from donebit.command_line.load.reading import BadLine, Columns, CsvRows, Row
from donebit.command_line.load.source import DamagedFile, source_of

DAY = "2026-11-20"
CONTENT = f"user,at\n1,{DAY}\n2,{DAY}\n".encode()
COLUMNS = Columns(("user",), "at", "event", "door", None)
Change = Callable[[Path], object]


def added(text: str) -> Change:
    def add(file: Path) -> None:
        with file.open("a") as opened:
            opened.write(text)

    return add


def users_read(file: Path, change: Change, content: bytes = CONTENT) -> list[object]:
    """The users of a file that is changed once its first line is read, and an error that ended it."""
    file.write_bytes(content)
    with file.open("rb") as opened:
        rows = iter(CsvRows(source_of(opened, file), COLUMNS, ","))
        found = [next(rows)]
        change(file)
        try:
            found.extend(rows)
        except DamagedFile as error:
            return [*users(found), str(error)]
    return users(found)


def users(rows: list[Row | BadLine | None]) -> list[object]:
    return [row[1] for row in rows if isinstance(row, tuple)]


@pytest.mark.parametrize("content", [CONTENT, CONTENT.decode().encode("utf-16")], ids=["utf-8", "utf-16"])
def test_a_file_that_was_cut_is_not_read_to_its_end(tmp_path: Path, content: bytes) -> None:
    read = users_read(tmp_path / "visits.csv", lambda file: os.truncate(file, 4), content)

    assert read == ["1", "2", f"it had {len(content)} bytes when it was opened, and has 4 now"]


def test_half_a_line_that_was_added_is_no_visit(tmp_path: Path) -> None:
    read = users_read(tmp_path / "visits.csv", added(f"3,{DAY}\n45,{DAY}"))

    assert read == ["1", "2", "3", "it had 34 bytes when it was opened, and has 60 now"]


@pytest.mark.parametrize("content", [CONTENT, CONTENT.rstrip()], ids=["ended", "not ended"])
def test_a_file_that_got_whole_lines_or_nothing_is_read(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "visits.csv"

    assert users_read(file, added(""), content) == ["1", "2"]
    assert users_read(file, added(f"\n3,{DAY}\n"), content) == ["1", "2", "3"]
