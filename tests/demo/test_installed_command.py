"""What install.py leaves as `.venv/bin/donebit`: it runs from anywhere, and comes back when it is gone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo.checkout import Checkout

# In place of the real one, which needs all that Donebit is installed with.
MAIN = """import sys
import core

def main() -> int:
    print(core.value, *sys.argv[1:])
    return 3
"""
OTHERS = "raise ImportError('this is the shared of somebody else')"
SAID = "1.0 show the task\n"


@pytest.fixture
def installed(checkout: Checkout) -> Checkout:
    """A clone whose command says which package it was installed with, and what it was called with."""
    package = checkout.folder / "shared/command_line"
    package.mkdir()
    (package / "main.py").write_text(MAIN)
    checkout.install()
    return checkout


def said_by(command: Path, folder: Path) -> tuple[str, int]:
    done = subprocess.run(
        [command, "show", "the task"], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout + done.stderr, done.returncode


def elsewhere(folder: Path) -> Path:
    """A folder to call it in, where there is another package of the same name."""
    (folder / "elsewhere/shared").mkdir(parents=True)
    (folder / "elsewhere/shared/__init__.py").write_text(OTHERS)
    return folder / "elsewhere"


def test_it_runs_in_any_folder_with_what_was_installed(installed: Checkout) -> None:
    folder = elsewhere(installed.folder)

    assert said_by(installed.folder / ".venv/bin/donebit", folder) == (SAID, 3)


def test_it_may_be_linked_to(installed: Checkout) -> None:
    link = installed.programs / "donebit"
    link.symlink_to(installed.folder / ".venv/bin/donebit")

    assert said_by(link, elsewhere(installed.folder)) == (SAID, 3)


def test_its_folder_may_be_moved_to_one_with_blanks_in_its_name(installed: Checkout, tmp_path: Path) -> None:
    moved = tmp_path / "of its own $HOME"
    moved.mkdir()
    for part in (".venv", "shared"):
        shutil.move(installed.folder / part, moved / part)

    assert said_by(moved / ".venv/bin/donebit", moved) == (SAID, 3)


def test_gone_or_another_it_is_written_again_and_nothing_else_is(installed: Checkout) -> None:
    command = installed.folder / ".venv/bin/donebit"
    installed.put_uv("echo should not be called; exit 1")
    written = command.read_text()

    broken: dict[str, Callable[[], object]] = {
        "gone": command.unlink,
        "another": lambda: command.write_text("#!/bin/sh\n"),
        "no text": lambda: command.write_bytes(b"\xff"),
        "not to be run": lambda: command.chmod(0o644),
    }
    for how, breaks in broken.items():
        breaks()

        assert installed.install() == "", how
        assert command.read_text() == written, how
        assert said_by(command, installed.folder) == (SAID, 3), how


def test_nothing_of_its_making_is_left_over(installed: Checkout) -> None:
    names = {file.name for file in (installed.folder / ".venv/bin").iterdir()}

    assert "donebit" in names
    assert not {name for name in names if name.startswith("donebit.")}
