"""Real workers begin no step of a paused task, and every step runs once it is resumed, whatever dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from done_app.worker.steps.runner import REPORT_EVERY
from tests.faults.harness.ground import pass_by
from tests.integration.rations import ALL, allow, noted
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually


def runs(folder: Path) -> dict[int, int]:
    """How often each step has run."""
    return {int(file.name): file.read_text().count("run") for file in noted(folder)}


def pool(stack: Stack) -> set[int]:
    """The processes that the worker runs its messages in."""
    return stack.worker.family() - {stack.worker.process.pid}


def begun(folder: Path) -> int:
    return len(noted(folder))


def has_begun(folder: Path, steps: int) -> bool:
    return begun(folder) >= steps


def change(stack: Stack, task_id: str, what: str) -> Mapping[str, Any]:
    answer = ask("POST", f"{stack.done}/tasks/{task_id}/{what}")
    assert answer.status == 200, answer.said
    return answer.said


@pytest.mark.parametrize("batch", [1, 20], ids=["alone", "in ranges"])
def test_no_step_of_a_paused_task_begins_and_all_run_once_it_is_resumed(
    stack: Stack, tmp_path: Path, batch: int
) -> None:
    allow(tmp_path, 5)
    params = {"folder": str(tmp_path)}
    task_id = stack.create(200, job="rationed", params=params, batch=batch, stall_after=3600)
    eventually(partial(has_begun, tmp_path, 5), DONE_SECONDS, what="no step runs")

    paused = change(stack, task_id, "pause")
    pass_by(2 * REPORT_EVERY.total_seconds())  # between two reports nobody asks whether it is paused
    allow(tmp_path, ALL)
    stack.await_quiet()
    ran = runs(tmp_path)
    still = stack.answer(task_id)
    change(stack, task_id, "resume")
    stack.await_told(task_id)

    assert (paused["state"], paused["paused"], still["waiting_for"]) == ("running", True, "paused")
    # Five, three more that looked at the same time, and those that the four processes had begun.
    assert 5 <= still["done_steps"] == len(ran) <= 12
    assert runs(tmp_path) == dict.fromkeys(range(200), 1)
    assert stack.told(task_id) == [f"{task_id}.1.done"]


def test_a_task_paused_and_resumed_again_and_again_runs_each_step_once(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path)}
    task_id = stack.create(400, job="rationed", params=params, batch=40, stall_after=3600)

    for wanted in range(20, 200, 30):
        allow(tmp_path, wanted)
        eventually(partial(has_begun, tmp_path, wanted), DONE_SECONDS, what="no further step runs")
        change(stack, task_id, "pause")
        change(stack, task_id, "resume")
    allow(tmp_path, ALL)
    stack.await_told(task_id)

    assert runs(tmp_path) == dict.fromkeys(range(400), 1)
    assert stack.answer(task_id)["heals"] == 0


def test_steps_of_a_process_killed_during_a_pause_run_after_the_resume(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "seconds": 3600}
    task_id = stack.create(2, job="long", params=params, batch=1)
    eventually(lambda: begun(tmp_path) == 2, DONE_SECONDS, what="the steps do not begin")

    change(stack, task_id, "pause")
    for pid in pool(stack):
        os.kill(pid, signal.SIGKILL)
    (tmp_path / "quick").touch()
    stack.await_quiet()  # the messages of the killed ones have come again, and were put aside
    before = stack.answer(task_id)
    change(stack, task_id, "resume")
    stack.await_told(task_id)

    assert (before["done_steps"], before["paused"]) == (0, True)
    assert stack.answer(task_id)["state"] == "done"
