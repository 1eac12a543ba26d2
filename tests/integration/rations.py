"""How many steps of the job `rationed` may run, which a test says as it goes along.

So it can look at a task at work for as long as its machine takes to, and the task does not end meanwhile.
"""

from __future__ import annotations

import time
from pathlib import Path

ALL = 1_000_000  # steps


def allow(folder: Path, steps: int) -> None:
    """Let so many steps run that leave a file in this folder; a few more may begin."""
    (folder / "ration").write_text(str(steps))


def noted(folder: Path) -> list[Path]:
    """The files of the steps that have run."""
    return list(folder.glob("[0-9]*"))


def wait_for_turn(folder: Path) -> None:
    """Wait until fewer steps have run than may."""
    while len(noted(folder)) >= _allowed(folder):
        time.sleep(0.01)


def _allowed(folder: Path) -> int:
    try:
        return int((folder / "ration").read_text())
    except (FileNotFoundError, ValueError):  # it is just being written
        return 0
