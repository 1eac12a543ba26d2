"""A living process keeps the steps it runs, however long they take, and a dead one does not for long."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from donebit import queue
from donebit.completion.leases import LEASE
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually

LONG = LEASE.total_seconds() + 3  # also several times the stack's stall_after


def runs(folder: Path) -> dict[int, int]:
    files = (file for file in folder.iterdir() if file.name.isdigit())
    return {int(file.name): file.read_text().count("begun") for file in files}


def await_begun(folder: Path, step: int, times: int = 1) -> None:
    eventually(lambda: runs(folder).get(step, 0) >= times, DONE_SECONDS, what=f"step {step} is not begun")


def sweep_until_told(stack: Stack, task_id: str) -> Mapping[str, Any]:
    """Have the sweep look at the task again and again, which is to find nothing to do."""
    stack.await_told(task_id, swept=True)
    return stack.answer(task_id)


@pytest.mark.parametrize("job", ["long", "locked"])
def test_a_step_that_outlasts_its_lease_and_stall_after_runs_once(
    stack: Stack, tmp_path: Path, job: str
) -> None:
    task_id = stack.create(1, job=job, params={"folder": str(tmp_path), "seconds": LONG}, stall_after=1)

    answer = sweep_until_told(stack, task_id)

    assert (answer["state"], answer["failed_attempts"], answer["heals"]) == ("done", 0, 0)
    assert runs(tmp_path) == {0: 1}
    assert stack.told(task_id) == [f"{task_id}.1.done"]


def test_long_steps_of_one_message_run_once_each(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 2.5}
    task_id = stack.create(4, job="long", params=params, batch=4, stall_after=1)

    answer = sweep_until_told(stack, task_id)

    assert (answer["state"], answer["heals"]) == ("done", 0)
    assert runs(tmp_path) == dict.fromkeys(range(4), 1)


def test_a_message_delivered_twice_runs_its_step_once(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(1, job="long", params={"folder": str(tmp_path), "seconds": LONG}, stall_after=3600)
    await_begun(tmp_path, 0)

    stack.publisher.run_ranges(stack.task(task_id), [(0, 1)])  # as the broker does after an hour
    stack.await_told(task_id)

    assert runs(tmp_path) == {0: 1}
    assert stack.answer(task_id)["state"] == "done"


def test_why_names_the_step_its_age_and_its_worker(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(1, job="long", params={"folder": str(tmp_path), "seconds": LONG})
    await_begun(tmp_path, 0)
    answers: list[Mapping[str, Any]] = []

    def runs_for_seconds() -> bool:
        answers.append(stack.answer(task_id))
        return re.search(r"running for [3-9] s", answers[-1]["why"]) is not None

    eventually(runs_for_seconds, DONE_SECONDS)

    answer = answers[-1]
    assert answer["waiting_for"] == "running"
    assert f":{stack.worker.process.pid}" in answer["why"]
    assert "step 0 has been running for" in answer["why"]


def test_why_says_within_seconds_that_the_only_worker_was_killed(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(1, job="long", params=params, stall_after=3600)
    await_begun(tmp_path, 0)

    stack.kill_worker()

    # Its message stays among the unacknowledged ones for an hour, which says nothing.
    eventually(lambda: stack.answer(task_id)["waiting_for"] == "worker", DONE_SECONDS)
    assert stack.answer(task_id)["why"].endswith("no worker is alive")
    assert stack.server.client.hlen("donebit:unacked") > 0
    stack.start()
    await_begun(tmp_path, 0, times=2)


def test_deploys_are_no_failed_attempts_and_are_made_up_for_at_once(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 12}
    task_id = stack.create(1, job="long", params=params, stall_after=3600)
    for deploys in range(1, 5):
        await_begun(tmp_path, 0, times=deploys)
        stack.worker.send(signal.SIGTERM)
        stack.worker.wait_for("Warm shutdown")
        eventually(lambda: is_marked_as_stopping(stack, task_id), DONE_SECONDS)
        stack.kill_worker()
        stack.start()
    (tmp_path / "quick").touch()

    stack.await_told(task_id)

    answer = stack.answer(task_id)
    assert (answer["state"], answer["failed_attempts"]) == ("done", 0)
    assert runs(tmp_path) == {0: 5}


def is_marked_as_stopping(stack: Stack, task_id: str) -> bool:
    return any(lease.state in ("stopping", "ending") for lease in stack.store.leases.of_task(task_id))


def test_attempts_counted_beforehand_are_taken_back_by_a_deploy(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(1, job="long", params=params, stall_after=3600)
    await_begun(tmp_path, 0)
    stack.kill_worker()  # no deploy: its step is sent again, and each attempt counted beforehand
    stack.start()
    await_begun(tmp_path, 0, times=2)
    for deploys in (1, 2):
        eventually(lambda: stack.store.failures.attempts(task_id, [0]) == [1], DONE_SECONDS)
        stack.worker.send(signal.SIGTERM)
        eventually(lambda: is_marked_as_stopping(stack, task_id), DONE_SECONDS)
        stack.kill_worker()
        stack.start()
        await_begun(tmp_path, 0, times=2 + deploys)

    assert stack.answer(task_id)["failed_steps"] == 0


def test_steps_not_begun_go_to_another_worker_as_theirs_ends(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(4, job="long", params=params, batch=4, stall_after=3600)
    await_begun(tmp_path, 0)
    (tmp_path / "quick").touch()
    ended = stack.worker

    ended.send(signal.SIGTERM)  # it waits for its step
    eventually(lambda: stack.store.heartbeats.queue_lengths((queue.SLICES,)) == [1], DONE_SECONDS)
    second = stack.started("worker", stack.programs()[-2].argv)
    eventually(lambda: stack.task(task_id).done_steps == 3, DONE_SECONDS)

    assert runs(tmp_path) == dict.fromkeys(range(4), 1)
    os.killpg(ended.process.pid, signal.SIGKILL)
    stack.await_told(task_id)
    assert runs(tmp_path) == {0: 2, 1: 1, 2: 1, 3: 1}
    second.end()
