"""The jobs of a newer version, of which the stack's own worker knows nothing or something else."""

from __future__ import annotations

from pathlib import Path

from donebit import job


@job("newer")
def newer(step: int, *, folder: str) -> None:
    """Leave one line a run in the step's own file."""
    with (Path(folder) / str(step)).open("a") as file:
        file.write("run\n")


@job("note")
def note(step: int, *, folder: str, prefix: str) -> None:
    """Take a parameter that the older version of this job does not."""
    newer(step, folder=folder)
    (Path(folder) / f"{prefix}-{step}").touch()


@job("length", max_attempts=1)
def length(step: int, item: list[str], *, folder: str) -> None:  # noqa: ARG001 - its type is what matters
    """Take an item of another type than the older version does."""
    newer(step, folder=folder)
