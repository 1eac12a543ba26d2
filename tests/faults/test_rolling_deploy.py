"""Workers of two versions side by side: steps go to the one that can run them, and it is said who cannot."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from donebit.completion import items, lifecycle
from donebit.completion.spec import TaskSpec
from tests.completion.arranged import TTLS
from tests.stack import DONE_SECONDS, START_SECONDS, Stack, ask
from tests.started import Started, eventually

PARAMS: dict[str, dict[str, Any]] = {"newer": {}, "note": {"prefix": "new"}, "length": {}}


@contextmanager
def newer_worker(stack: Stack) -> Iterator[Started]:
    (worker,) = [program for program in stack.programs() if program.name == "worker"]
    started = stack.started("newer", worker.argv, JOBS="tests.faults.newer_jobs")
    try:
        eventually(lambda: len(jobs_of_workers(stack)) == 2, START_SECONDS, what="it does not start")
        yield started
        started.send(signal.SIGTERM)  # so that it takes itself off the list
        started.exit_code(START_SECONDS)
    finally:
        started.end()


def alive_workers(stack: Stack) -> list[dict[str, Any]]:
    return [one for one in ask("GET", f"{stack.done}/workers").said["workers"] if one["alive"]]


def jobs_of_workers(stack: Stack) -> list[list[str]]:
    return [worker["jobs"] for worker in alive_workers(stack)]


def create(stack: Stack, job: str, folder: Path, count: int) -> str:
    """Create a task as a newer trigger_app would: the stack's own refuses it."""
    packed = items.pack([["a"]] * count) if job == "length" else None
    digest = packed.digest if packed else None
    spec = TaskSpec(count, job, params={"folder": str(folder), **PARAMS[job]}, items=digest)
    task = lifecycle.start(stack.store, spec, ttls=TTLS, max_steps=count, items=packed).task
    stack.publisher.dispatch(task)
    return task.id


@pytest.mark.parametrize("job", ["newer", "note"])
def test_steps_go_to_the_worker_that_can_run_them(stack: Stack, tmp_path: Path, job: str) -> None:
    with newer_worker(stack) as newer:
        task_id = create(stack, job, tmp_path, 200)
        eventually(lambda: stack.task(task_id).ended, DONE_SECONDS, what="its steps are lost")

    assert {file.name: file.read_text() for file in tmp_path.glob("[0-9]*")} == {
        str(step): "run\n" for step in range(200)
    }
    assert "Traceback" not in newer.out
    assert f"steps of task {task_id} go back to the queue for another worker" in stack.log


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ("newer", "no live worker has the job newer; worker {} has no job newer; its JOBS must name"),
        ("note", "worker {} cannot read the params of job note: unknown parameter prefix"),
        ("length", "worker {} cannot read an item: job length does not take items["),
    ],
)
def test_that_no_worker_can_run_it_is_said_and_a_later_one_does(
    stack: Stack, tmp_path: Path, job: str, why: str
) -> None:
    eventually(lambda: len(alive_workers(stack)) == 1, 60, what="the worker of the test before does not end")
    (worker,) = alive_workers(stack)
    task_id = create(stack, job, tmp_path, 3)
    expected = why.format(worker["worker"])

    eventually(lambda: expected in stack.answer(task_id)["why"], what="it does not say why")
    said = stack.answer(task_id)
    with newer_worker(stack):
        eventually(lambda: stack.task(task_id).ended, DONE_SECONDS, what="its steps are lost")

    assert (said["waiting_for"], said["done_steps"], said["heals"]) == ("job", 0, 0)
    assert {file.name for file in tmp_path.glob("[0-9]*")} == {"0", "1", "2"}
    assert (stack.task(task_id).failed_attempts, stack.task(task_id).failed_steps) == (0, 0)
