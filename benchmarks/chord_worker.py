"""What a chord's worker runs: steps that do nothing, and the callback. Celery as it comes."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

app = Celery("chord", set_as_current=False)


@app.task
def step(number: int) -> None:
    del number


@app.task
def finish(results: Sequence[None]) -> int:
    return len(results)


@app.task
def ping() -> None: ...
