"""A step may use multiprocessing, and what it leaves running ends with the process it ran in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.stack import DONE_SECONDS, START_SECONDS, Stack
from tests.started import eventually


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def left_behind(folder: Path) -> int:
    """The process that a step has left running."""
    left = folder / "left-0"
    eventually(lambda: left.exists() and left.read_text(), DONE_SECONDS, what="the step does not run")
    return int(left.read_text())


@pytest.mark.parametrize("way", ["process", "fork", "spawn", "forkserver", "executor", "manager"])
def test_a_step_has_its_work_done_by_processes(stack: Stack, tmp_path: Path, way: str) -> None:
    task_id = stack.create(2, job="parallel", params={"folder": str(tmp_path), "way": way}, batch=2)

    stack.await_told(task_id)

    assert stack.answer(task_id)["state"] == "done"
    parts = range(1 if way in ("process", "manager") else 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"{step}-{part}" for step in range(2) for part in parts
    ]
    at_work = {int(file.read_text()) for file in tmp_path.iterdir()} - stack.worker.family()
    assert (at_work == set()) is (way == "manager")


def test_what_a_step_leaves_running_ends_when_its_process_is_killed(stack: Stack, tmp_path: Path) -> None:
    task_id = stack.create(1, job="brooding", params={"folder": str(tmp_path), "way": "fork", "deadly": True})
    left = left_behind(tmp_path)

    eventually(lambda: not is_alive(left), DONE_SECONDS, what="it runs on")

    stack.await_told(task_id)
    assert stack.answer(task_id)["state"] == "failed"


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_what_a_step_leaves_running_ends_when_the_worker_is_stopped(
    stack: Stack, tmp_path: Path, way: str
) -> None:
    task_id = stack.create(1, job="brooding", params={"folder": str(tmp_path), "way": way})
    stack.await_told(task_id)
    left = left_behind(tmp_path)
    was_alive = is_alive(left)

    os.kill(stack.worker.process.pid, signal.SIGTERM)
    stack.worker.process.wait(START_SECONDS)

    assert was_alive
    eventually(lambda: not is_alive(left), what="it runs on")


@pytest.mark.parametrize(("job", "batch"), [("forking", 1), ("forking", 2), ("forking_in_time", 2)])
@pytest.mark.parametrize("way", ["return", "raise"])
def test_a_process_that_a_step_forked_and_let_return_is_ended(
    stack: Stack, tmp_path: Path, way: str, job: str, batch: int
) -> None:
    task_id = stack.create(2, job=job, params={"folder": str(tmp_path), "way": way}, batch=batch)

    stack.await_told(task_id)

    assert (stack.answer(task_id)["state"], stack.task(task_id).failed_attempts) == ("done", 0)
    forked = [int(file.name.partition("-")[2]) for file in tmp_path.iterdir()]
    assert len(forked) >= 2
    eventually(lambda: not any(map(is_alive, forked)), what="they run on")
    assert all(f"forked process {pid} and let it return" in stack.log for pid in forked)
