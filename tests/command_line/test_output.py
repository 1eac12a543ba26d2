"""Where the output of a command cannot be written, as on a full disk."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command_line.command import IN_TIME, MODULE, Donebit

FILLED = "ulimit -f 0;"  # no file may have a byte, as on a full disk
LOST = b"error: the output cannot be written: File too large\n"


def run_by_shell(
    donebit: Donebit, arguments: str, redirections: str, before: str = ""
) -> subprocess.CompletedProcess[bytes]:
    command = f"{before} exec {sys.executable} -m {MODULE} {arguments} {redirections}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=donebit.folder,
        env=donebit.environment,
        capture_output=True,
        timeout=IN_TIME,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", ["tasks", "tasks --json", "trigger 1", "--help", "tasks --help", "--version"]
)
def test_output_that_cannot_be_written_is_one_sentence_and_a_code(donebit: Donebit, arguments: str) -> None:
    donebit("trigger", 1)

    ended = run_by_shell(donebit, arguments, "> out", FILLED)

    assert (ended.returncode, ended.stderr) == (6, LOST)


def test_an_error_that_cannot_be_written_keeps_its_code(donebit: Donebit) -> None:
    assert run_by_shell(donebit, "show nobody", "2> err", FILLED).returncode == 3


def test_without_any_output_a_command_does_as_ever(donebit: Donebit, name: str) -> None:
    ended = run_by_shell(donebit, f"trigger 1 --task-id {name}", "<&- >&- 2>&-")

    assert ended.returncode == 0
    assert donebit("show", name, "--json").json["count"] == 1
