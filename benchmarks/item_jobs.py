"""The jobs of `items_and_results`: the same step, with an item and a result and without."""

from __future__ import annotations

from donebit import job


@job("numbered", keep_results=True)
def numbered(step: int, item: str) -> int:  # noqa: ARG001 - to be given one is what is measured
    """Return the step's number."""
    return step


@job("bare")
def bare(step: int) -> None:
    """Do nothing."""
