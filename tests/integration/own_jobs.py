"""Jobs as a user writes them: the stack's worker and trigger_app load this module through JOBS."""

from __future__ import annotations

import time
from pathlib import Path

from shared.jobs import job


@job("note")
def note(step: int, *, folder: str, pause_ms: int = 0) -> None:
    """Leave one line a run in the step's own file."""
    time.sleep(pause_ms / 1000)
    with (Path(folder) / str(step)).open("a") as file:
        file.write("run\n")


@job("hesitant")
def hesitant(step: int, *, folder: str) -> None:
    """Raise the first time a step is run."""
    runs = Path(folder) / str(step)
    first = not runs.exists()
    note(step, folder=folder)
    if first:
        raise RuntimeError(f"step {step} is not in the mood")
