"""An empty option, as an unset variable of the shell leaves one, is refused and not taken as left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line.command import Donebit

EMPTY = [
    "trigger 2 --callback=",
    "rerun {name} --label=",
    "resume --failed --label=",
    "resume {name} --label=",
    "retry {name} --group=",
    "visit {name} 7 --at=",
    "count {name} --at=",
    "query {name} --save=",
    "query {name} --members --save=",
    "load {file} --event {name} --state=",
]


@pytest.fixture
def failed(donebit: Donebit, name: str) -> str:
    """A failed task."""
    donebit("trigger", 2, "--task-id", name)
    assert donebit("fail", name, 0).code == donebit("fail", name, 1).code == 0
    return name


@pytest.mark.parametrize("command", EMPTY)
def test_an_empty_option_is_refused_and_nothing_is_done(
    donebit: Donebit, failed: str, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "visits.csv"
    file.write_text("user,at\n7,2026-11-20\n")
    before = donebit("tasks", "--all", "--json").out

    ended = donebit(*(one.format(name=failed, file=file) for one in command.split()))

    assert ended.out == ""
    assert (ended.code in {2, 3}, "Traceback" in ended.err) == (True, False), ended.err
    assert donebit("tasks", "--all", "--json").out == before
    assert donebit("count", failed, "--json").json["count"] == 0


@pytest.mark.parametrize("wrong", ["", "some/items"])
@pytest.mark.parametrize("command", ["pause", "cancel", "delete", "rerun", "resume"])
def test_an_empty_id_among_others_is_refused_and_nothing_is_done(
    donebit: Donebit, failed: str, command: str, wrong: str
) -> None:
    """Exit code 2 says that no request was sent."""
    before = donebit("tasks", "--all", "--json").out

    ended = donebit(command, failed, wrong)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {wrong!r} is not a name: ")
    assert donebit("tasks", "--all", "--json").out == before


def test_a_backup_into_no_folder_is_refused(donebit: Donebit, tmp_path: Path) -> None:
    ended = donebit("backup", "")

    assert (ended.code, ended.out) == (2, "")
    assert "'' is no path" in ended.err
    assert not list(tmp_path.glob("donebit-*"))
