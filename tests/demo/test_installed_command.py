"""What an editable install leaves as `.venv/bin/donebit`: it runs from anywhere, and comes back when gone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.checkout import INSTALL, Checkout

# In place of the real one, which needs all that Donebit is installed with.
MAIN = """import sys
import core

def main() -> int:
    print(core.value, *sys.argv[1:])
    return 3
"""
OTHERS = "raise ImportError('this is the donebit of somebody else')"
SAID = "1.0 show the task\n"


@pytest.fixture
def installed(checkout: Checkout) -> Checkout:
    """A clone whose command says which package it was installed with, and what it was called with."""
    package = checkout.folder / "shared/donebit/command_line"
    package.mkdir()
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
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
    (folder / "elsewhere/donebit").mkdir(parents=True)
    (folder / "elsewhere/donebit/__init__.py").write_text(OTHERS)
    return folder / "elsewhere"


def test_it_runs_in_any_folder_with_what_was_installed(installed: Checkout) -> None:
    folder = elsewhere(installed.folder)

    assert said_by(installed.folder / ".venv/bin/donebit", folder) == (SAID, 3)


def test_it_may_be_linked_to(installed: Checkout) -> None:
    link = installed.programs / "donebit"
    link.symlink_to(installed.folder / ".venv/bin/donebit")

    assert said_by(link, elsewhere(installed.folder)) == (SAID, 3)


def test_moved_with_its_folder_it_is_installed_again(installed: Checkout, tmp_path: Path) -> None:
    moved = tmp_path / "of its own $HOME"
    moved.mkdir()
    for part in (".venv", "shared", "locks", "pyproject.toml", "backend.py"):
        shutil.move(installed.folder / part, moved / part)
    install = [sys.executable, str(moved / INSTALL), "demo"]

    path = f"{installed.programs}:/usr/bin:/bin"
    subprocess.run(install, check=True, env={"PATH": path}, capture_output=True, timeout=60)

    assert said_by(moved / ".venv/bin/donebit", moved) == (SAID, 3)


def test_gone_it_is_installed_again_and_nothing_else_is(installed: Checkout) -> None:
    command = installed.folder / ".venv/bin/donebit"
    command.unlink()

    assert installed.install() == ""  # no line of a lock
    assert said_by(command, installed.folder) == (SAID, 3)


def test_a_changed_project_file_installs_the_project_again(installed: Checkout) -> None:
    project = installed.folder / "pyproject.toml"
    project.write_text(project.read_text() + "# changed\n")

    installed.install()
    installed.put_uv("echo should not be called; exit 1")

    assert installed.install() == ""
