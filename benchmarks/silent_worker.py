"""The worker as it is, but that it keeps no log lines, no counts for /metrics and /history, and no past runs.

No setting does this: it is what `kept_beside` compares with.
"""

from __future__ import annotations

from done_app.worker import celery_tasks, signals, worker_app  # noqa: F401 - which connects its handlers
from done_app.worker.monitor.monitor import Monitor
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.run_counts import RunCounts, RunTotals
from done_app.worker.steps.step_times import StepTimes
from donebit.completion import counting, history


def keep_nothing(*_: object) -> None: ...


def finished_alone(outcome: RunOutcome, *_: object) -> RunCounts:
    """How many steps there were, which the workers' page shows by the second."""
    return RunCounts(None, len(outcome.done))


RunOutcome.counts = finished_alone  # type: ignore[method-assign, assignment]  # as the others below
for place, name in (
    (Monitor, "add_handler"),  # which sends log lines to the main process, to be kept in Redis
    (RunTotals, "add"),
    (RunTotals, "add_to"),
    (StepTimes, "add"),
    (StepTimes, "add_quick"),
    (counting, "add_tally"),
    (history, "record_end"),
):
    assert hasattr(place, name), name  # or it would be measured against itself
    setattr(place, name, keep_nothing)
app = worker_app.app
