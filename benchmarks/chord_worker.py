"""The Celery tasks of the chord: steps that do nothing, and the callback."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from celery import Celery

app = Celery("chord", set_as_current=False)


@app.task
def step(number: int) -> None:
    del number


@app.task(ignore_result=True)
def lean_step(number: int) -> int:
    return number


@app.task
def number_step(number: int) -> int:
    return number


@app.task
def held_step(number: int) -> None:
    """A step that does not end during the measurement."""
    del number
    signal.pause()


@app.task
def finish(results: Sequence[None]) -> int:
    return len(results)


@app.task
def ping() -> None: ...
