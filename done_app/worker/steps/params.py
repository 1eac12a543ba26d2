"""The parameters that a step function is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from donebit.completion.task import Task
from donebit.jobs.registry import Job
from donebit.results import Results

# What no step can change for the one after it.
UNCHANGING = frozenset(
    {type(None), bool, int, float, str, bytes, Decimal, UUID, date, datetime, time, timedelta}
)


@dataclass(frozen=True, slots=True)
class StepParams:
    """A task's params as the types of its job's signature.

    A step may empty a list that it is given, or an iterator, and the next must find it as the task has it.

    Attributes:
        same: of all steps
        are_same: whether no step can change them
    """

    job: Job
    task: Task
    same: Mapping[str, Any]
    are_same: bool

    @classmethod
    def of(cls, job: Job, task: Task, results: Results[Any]) -> StepParams:
        """Those of a task, and the results of the one before it for a job that takes them."""
        found = job.convert_params(task.spec.params)
        given = {job.results_name: results} if job.results_name else {}
        return cls(job, task, found | given, UNCHANGING.issuperset(map(type, found.values())))

    def of_step(self) -> Mapping[str, Any]:
        """Those of one step, its own where it could change them."""
        return self.same if self.are_same else {**self.same, **self.job.convert_params(self.task.spec.params)}
