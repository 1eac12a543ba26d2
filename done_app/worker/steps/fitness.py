"""Whether this worker can run a task: a rolling deploy has workers of two versions side by side."""

from __future__ import annotations

import logging
from datetime import timedelta

from done_app.worker.steps.raised import describe_error
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.jobs.registry import Jobs
from donebit.throttled_log import Intervals

log = logging.getLogger(__name__)
logged = Intervals(timedelta(minutes=1))  # about one task, by each process


def why_unfit(jobs: Jobs, task: Task, worker: str) -> str | None:
    """Say why this worker cannot run a task's steps.

    Args:
        jobs: those that this worker has.
        worker: its name.

    Returns:
        A sentence that names the worker and the job; None when it can run them.
    """
    name = task.spec.job or ""
    if name not in jobs:
        return f"worker {worker} has no job {name}; its JOBS must name the module of it"
    takes_items, has_items = jobs.find(name).item is not None, task.spec.items is not None
    if takes_items and not has_items:
        return f"the job {name} of worker {worker} takes an item for each step, and the task has none"
    if has_items and not takes_items:
        return f"the job {name} of worker {worker} takes no item, and the task has some"
    try:
        jobs.find(name).convert_params(task.spec.params)
    except InvalidInput as error:
        return f"worker {worker} cannot read the {error.detail}"
    except Exception as error:  # of a type's own validator, which may raise anything
        return f"worker {worker} cannot read the params of job {name}: {describe_error(error)}"
    return None


def log_unfit(task: Task, why: str) -> None:
    """Log that a task's steps go back, not for each of the messages that may circulate."""
    if logged.is_due(task.id):
        log.warning("steps of task %s go back to the queue for another worker: %s", task.id, why)
