"""Whether this worker can run a task: a rolling deploy has workers of two versions side by side."""

from __future__ import annotations

import logging
from datetime import timedelta

from done_app.worker.steps.raised import describe_error
from donebit.completion.task import Task
from donebit.errors import InvalidInput
from donebit.jobs.registry import Job, Jobs
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
    job = jobs.find(name)
    return _why_other_input(job, task, worker) or _why_other_params(job, task, worker)


def _why_other_input(job: Job, task: Task, worker: str) -> str | None:
    """Why a job takes other things than the task has to give to its steps."""
    takes_items, has_items = job.item is not None, task.spec.items is not None
    if takes_items and not has_items:
        return f"the job {job.name} of worker {worker} takes an item for each step, and the task has none"
    if has_items and not takes_items:
        return f"the job {job.name} of worker {worker} takes no item, and the task has some"
    if job.results_name and task.parent is None:
        return (
            f"the job {job.name} of worker {worker} takes in the results of a task before, and there is none"
        )
    return None


def _why_other_params(job: Job, task: Task, worker: str) -> str | None:
    try:
        job.convert_params(task.spec.params)
    except InvalidInput as error:
        return f"worker {worker} cannot read the {error.detail}"
    except Exception as error:  # of a type's own validator, which may raise anything
        return f"worker {worker} cannot read the params of job {job.name}: {describe_error(error)}"
    return None


def why_unfit_item(why: str, worker: str) -> str:
    """Say that this worker cannot read the item of a step, and why."""
    return f"worker {worker} cannot read an item: {why}"


def log_unfit(task: Task, why: str) -> None:
    """Log that a task's steps go back, not for each of the messages that may circulate."""
    if logged.is_due(task.id):
        log.warning("steps of task %s go back to the queue for another worker: %s", task.id, why)
