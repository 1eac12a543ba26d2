"""The worker as it is, but that a byte of a file says whether it keeps log lines, counts and past runs.

No setting does this: `kept_beside` compares with it, in one and the same processes.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from done_app.worker import celery_tasks, signals, worker_app  # noqa: F401 - which connects its handlers
from done_app.worker.monitor.emitter import LineHandler
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.run_counts import RunCounts, RunTotals
from done_app.worker.steps.step_times import StepTimes
from donebit.completion import counting, history

SWITCH = "KEEPS"  # the environment variable that names the file

with Path(os.environ[SWITCH]).open("r+b") as file:
    switch = mmap.mmap(file.fileno(), 1)  # made before the pool is forked: all processes see it


def nothing(*_: object) -> None: ...


def is_error(_: object, level: int) -> bool:
    """Whether LOG_LEVEL=error has a line."""
    return level >= logging.ERROR


def finished_alone(outcome: RunOutcome, *_: object) -> RunCounts:
    """How many steps there were, which the workers' page shows by the second."""
    return RunCounts(None, len(outcome.done))


def switched(on: Callable[..., Any], off: Callable[..., Any]) -> Callable[..., Any]:
    """Do the one while the byte is 1, and the other while it is 0."""

    def either(*args: Any, **named: Any) -> Any:
        return on(*args, **named) if switch[0] else off(*args, **named)

    return either


for place, name, without in (
    (logging.Logger, "isEnabledFor", is_error),
    (LineHandler, "emit", nothing),  # which sends log lines to the main process, to be kept in Redis
    (RunOutcome, "counts", finished_alone),
    (RunTotals, "add", nothing),
    (RunTotals, "add_to", nothing),
    (StepTimes, "add", nothing),
    (StepTimes, "add_quick", nothing),
    (counting, "add_tally", nothing),
    (history, "record_end", nothing),
):
    setattr(place, name, switched(getattr(place, name), without))
app = worker_app.app
