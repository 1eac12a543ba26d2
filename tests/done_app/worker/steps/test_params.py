"""Each step is called with the params that its task has, whatever another step did with its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import Runner
from donebit import job
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.jobs.registry import Job
from donebit.store import Store
from tests.completion.arranged import TTLS

PARAMS = {"names": ["a", "b"], "by": {"c": [1]}, "numbers": [7, 8]}


@pytest.mark.parametrize("terms", [{}, {"keep_results": True}, {"step_timeout": timedelta(minutes=1)}])
def test_what_a_step_does_to_its_params_is_not_done_to_the_next(
    real_store: Store, terms: dict[str, Any]
) -> None:
    taken: list[object] = []

    def take(_: int, names: list[str], by: dict[str, list[int]], numbers: Iterable[int]) -> None:
        taken.append({"names": [names.pop(0), *names], "by": dict(by), "numbers": list(numbers)})
        by.clear()

    task = lifecycle.start(real_store, TaskSpec(3, "take", PARAMS), ttls=TTLS, max_steps=3).task
    made = Job.from_function(job("take", **terms)(take))
    reporter = StoreStepReporter(real_store, task, made.retry_policy, max_result_bytes=1000)

    Runner(task, made, reporter).run([(0, 3)])

    assert taken == [PARAMS] * 3
