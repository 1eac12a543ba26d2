"""The files that the pages show are as clean as Donebit's own: they are there to be copied."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import write_files
from tests.started import REPOSITORY

WITH_FILES = (
    "README.md",
    *(f"docs/{name}.md" for name in ("jobs", "client", "web-frameworks", "from-chord", "from-bitmapist")),
)
PAGES = [REPOSITORY / name for name in WITH_FILES]
LINES = ("--no-cache", "--line-length", "110")
# What `make check` has found of Donebit itself is not found again.
MYPY = ("--config-file", str(REPOSITORY / "pyproject.toml"), "--cache-dir", str(REPOSITORY / ".mypy_cache"))
CHECKS = {
    "mypy": ("mypy", "--strict", *MYPY),
    "ruff format": ("ruff", "format", "--check", *LINES),
    "ruff check": ("ruff", "check", "--select", "B,C90,E,F,I,PTH,RUF,UP", *LINES),
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_files_of_the_pages_pass(tmp_path: Path, check: str) -> None:
    names = [file.name for page in PAGES for file in write_files(page, tmp_path)]

    done = subprocess.run(
        [sys.executable, "-m", *CHECKS[check], *names],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": f"{REPOSITORY}:{REPOSITORY / 'shared'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert names
    assert done.returncode == 0, done.stdout + done.stderr
