"""Each step is called with the params that its task has, whatever another step did with its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from done_app.worker.steps.params import StepParams
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import Runner
from donebit import job
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.jobs.registry import Job
from donebit.results import Results
from donebit.store import Store
from tests.completion.arranged import HOLDER, TTLS

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
    reporter = StoreStepReporter(real_store, task, made.retry_policy, holder=HOLDER, max_result_bytes=1000)

    Runner(task, made, reporter).run([(0, 3)])

    assert taken == [PARAMS] * 3


def test_a_step_with_params_of_its_own_is_given_the_results_too(store: Store) -> None:
    def take(step: int, *, results: Results[int], names: list[str]) -> None: ...

    task = lifecycle.start(store, TaskSpec(3, "take", {"names": ["a"]}), ttls=TTLS, max_steps=3).task
    results = Results[int]()

    params = StepParams.of(Job.from_function(job("take")(take)), task, results)

    assert params.of_step() == {"names": ["a"], "results": results}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (str | None, None),
        (bool, True),
        (float, 2.5),
        (bytes, "a"),
        (Decimal, "2.5"),
        (UUID, "6f1c3a52-54f5-4a4e-9d2c-0a6ff1a6b8c1"),
        (date, "2026-11-21"),
        (datetime, "2026-11-21T03:04:05Z"),
        (time, "03:04:05"),
        (timedelta, "PT30S"),
    ],
)
def test_params_that_no_step_can_change_are_read_once(store: Store, kind: Any, given: object) -> None:
    def take(step: int, *, value: object) -> None: ...

    take.__annotations__["value"] = kind
    task = lifecycle.start(store, TaskSpec(3, "take", {"value": given}), ttls=TTLS, max_steps=3).task

    params = StepParams.of(Job.from_function(job("take")(take)), task, Results())

    assert params.of_step() is params.of_step()
