"""A worker says which task it cannot run, and names itself and the job."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from done_app.worker.steps.fitness import log_unfit, why_unfit
from donebit import Results, job
from donebit.completion import items, lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Parent, Task
from donebit.jobs.registry import Job, Jobs
from donebit.store import Store
from tests.completion.arranged import TTLS, now, start


@job("resize")
def resize(step: int, *, width: int) -> None: ...


def named_amount(amount: int) -> str:
    return {1: "one"}[amount]


@job("price")
def price(step: int, *, amount: Annotated[int, AfterValidator(named_amount)]) -> None: ...


@job("words")
def words(step: int, item: str) -> None: ...


@job("sum")
def sum_up(step: int, *, results: Results[int]) -> None: ...


JOBS = Jobs([Job.from_function(one) for one in (words, resize, price, sum_up)])


def task_of(store: Store, name: str, **params: Any) -> Task:
    return now(store, start(store, 3, job=name, params=params))


def test_a_task_whose_params_can_be_read_is_run(store: Store) -> None:
    assert why_unfit(JOBS, task_of(store, "resize", width=7), "old:7") is None


@pytest.mark.parametrize(
    ("name", "params", "why"),
    [
        ("crop", {}, "worker old:7 has no job crop; its JOBS must name the module of it"),
        (
            "resize",
            {"width": 7, "height": 7},
            "worker old:7 cannot read the params of job resize: unknown parameter height (known: width)",
        ),
        ("resize", {}, "worker old:7 cannot read the params of job resize: missing parameter width"),
    ],
)
def test_what_this_worker_cannot_run_is_said(
    store: Store, name: str, params: dict[str, Any], why: str
) -> None:
    assert why_unfit(JOBS, task_of(store, name, **params), "old:7") == why


def test_a_job_that_takes_items_is_run_only_where_there_are_some(store: Store) -> None:
    packed = items.pack(["a"])
    spec = TaskSpec(1, "resize", {"width": 7}, items=packed.digest)
    of_items = lifecycle.start(store, spec, ttls=TTLS, max_steps=9, items=packed).task

    assert why_unfit(JOBS, task_of(store, "words"), "old:7") == (
        "the job words of worker old:7 takes an item for each step, and the task has none"
    )
    assert why_unfit(JOBS, of_items, "old:7") == (
        "the job resize of worker old:7 takes no item, and the task has some"
    )


def test_a_job_that_takes_results_in_is_run_only_after_a_task(store: Store) -> None:
    spec = TaskSpec(1, "sum")
    after = lifecycle.start(store, spec, ttls=TTLS, max_steps=9, parent=Parent("words", "nonce", 0)).task

    assert why_unfit(JOBS, after, "new:7") is None
    assert why_unfit(JOBS, task_of(store, "sum"), "new:7") == (
        "the job sum of worker new:7 takes in the results of a task before, and there is none"
    )


def test_params_whose_validator_breaks_are_said_and_not_raised(store: Store) -> None:
    task = task_of(store, "price", amount=7)

    why = why_unfit(JOBS, task, "old:7")

    assert why == "worker old:7 cannot read the params of job price: KeyError: 7"


def test_a_task_is_named_in_the_log_once_and_not_for_each_message(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    task = task_of(store, "crop")

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log_unfit(task, "worker old:7 has no job crop")

    assert caplog.messages == [
        f"steps of task {task.id} go back to the queue for another worker: worker old:7 has no job crop"
    ]
