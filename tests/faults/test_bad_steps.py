"""Steps that raise, hang or kill their process harm nobody but themselves, and can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.stack import Stack, ask
from tests.started import eventually

BY = {"blocked": "ValueError: step 3 is blocked", "deadly": "its process died at every attempt"}
TIMED_OUT = "it took longer than its step_timeout of 0.2 s"


def block(folder: Path, *steps: int) -> None:
    for step in steps:
        (folder / f"block-{step}").touch()


def runs(folder: Path) -> dict[int, int]:
    files = (file for file in folder.iterdir() if file.name.isdigit())
    return {int(file.name): file.read_text().count("run") for file in files}


def failures(stack: Stack, task_id: str) -> list[dict[str, Any]]:
    answer = ask("GET", f"{stack.done}/tasks/{task_id}/failures")
    found: list[dict[str, Any]] = answer.said["failures"]
    return found


@pytest.mark.parametrize("batch", [1, 8], ids=["alone", "in a range"])
def test_a_step_that_always_raises_gives_up_and_its_neighbours_are_done(
    stack: Stack, tmp_path: Path, batch: int
) -> None:
    block(tmp_path, 3)
    task_id = stack.create(8, job="blocked", params={"folder": str(tmp_path)}, batch=batch)

    stack.await_told(task_id)

    assert runs(tmp_path) == {step: 2 if step == 3 else 1 for step in range(8)}
    assert failures(stack, task_id) == [{"step": 3, "attempts": 2, "error": BY["blocked"]}]
    assert stack.answer(task_id)["state"] == "failed"
    assert stack.told(task_id) == [f"{task_id}.1.failed"]
    assert f"step 3 of task {task_id} failed for good after 2 attempts: {BY['blocked']}" in stack.log


@pytest.mark.parametrize("batch", [1, 8], ids=["alone", "in a range"])
def test_a_step_that_kills_its_process_gives_up_and_others_are_done(
    stack: Stack, tmp_path: Path, batch: int
) -> None:
    params = {"folder": str(tmp_path), "victim": 3}
    task_id = stack.create(8, job="deadly", params=params, batch=batch)

    stack.await_told(task_id)

    (failure,) = failures(stack, task_id)
    assert (failure["step"], failure["error"]) == (3, BY["deadly"])
    assert failure["attempts"] == 2
    # In a range it was run once before anybody knew which of its steps is deadly.
    assert runs(tmp_path)[3] == (2 if batch == 1 else 3)
    assert stack.answer(task_id)["done_steps"] == 7
    assert stack.told(task_id) == [f"{task_id}.1.failed"]


@pytest.mark.parametrize("code", [0, 3, "no such file"])
def test_a_step_that_calls_sys_exit_fails_and_its_neighbours_are_done(
    stack: Stack, tmp_path: Path, code: int | str
) -> None:
    pool = stack.worker.family()
    params = {"folder": str(tmp_path), "victim": 3, "code": code}
    task_id = stack.create(8, job="leaving", params=params, batch=8)

    stack.await_told(task_id)

    assert failures(stack, task_id) == [{"step": 3, "attempts": 2, "error": f"SystemExit: {code}"}]
    assert runs(tmp_path) == {step: 2 if step == 3 else 1 for step in range(8)}
    assert stack.worker.family() == pool  # no process was lost by it


def test_steps_that_use_up_the_descriptors_leave_no_process_useless(stack: Stack, tmp_path: Path) -> None:
    leaking = stack.create(8, job="leaking", batch=1)
    stack.await_told(leaking)

    task_id = stack.create(16, job="note", params={"folder": str(tmp_path)}, batch=1)

    stack.await_told(task_id)
    assert [stack.task(one).failed_attempts for one in (leaking, task_id)] == [0, 0]
    assert runs(tmp_path) == dict.fromkeys(range(16), 1)


def test_a_step_that_changes_the_folder_leaves_others_where_they_were(stack: Stack, tmp_path: Path) -> None:
    straying = stack.create(16, job="straying", params={"folder": str(tmp_path)}, batch=1)
    stack.await_told(straying)

    task_id = stack.create(16, job="at_home", batch=1)

    stack.await_told(task_id)
    answer = ask("GET", f"{stack.done}/tasks/{task_id}/results")
    assert [one["result"] for one in answer.said["results"]] == [str(stack.folder("worker"))] * 16


def test_a_step_that_never_ends_is_interrupted_and_gives_up(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "stuck": 3}
    task_id = stack.create(8, job="endless", params=params, batch=8)

    stack.await_told(task_id)

    assert failures(stack, task_id) == [{"step": 3, "attempts": 2, "error": TIMED_OUT}]
    assert stack.answer(task_id)["done_steps"] == 7


def test_a_failed_task_is_resumed_and_runs_only_what_gave_up(stack: Stack, tmp_path: Path) -> None:
    block(tmp_path, 2, 5)
    task_id = stack.create(8, job="blocked", params={"folder": str(tmp_path)}, batch=4)
    stack.await_told(task_id)
    for file in tmp_path.glob("block-*"):
        file.unlink()

    resumed = ask("POST", f"{stack.done}/tasks/{task_id}/resume")
    stack.await_told(task_id, times=2)

    assert (resumed.status, resumed.said["run"]) == (200, 2)
    assert runs(tmp_path) == {step: 3 if step in (2, 5) else 1 for step in range(8)}
    assert stack.told(task_id) == [f"{task_id}.1.failed", f"{task_id}.2.done"]
    assert ask("POST", f"{stack.done}/tasks/{task_id}/resume").status == 409


def test_an_extended_task_runs_its_new_steps_too(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "pause_ms": 1500}
    task_id = stack.create(4, job="note", params=params)
    # Before that, both fan-outs would send the new steps: harmless, and not what this is about.
    eventually(lambda: stack.answer(task_id)["dispatched_at"], what="the task is not fanned out")

    extended = ask("POST", f"{stack.done}/tasks/{task_id}/extend", {"count": 9})
    stack.await_told(task_id)

    assert (extended.status, extended.said["count"]) == (200, 9)
    assert runs(tmp_path) == dict.fromkeys(range(9), 1)
    assert ask("POST", f"{stack.done}/tasks/{task_id}/extend", {"count": 99}).status == 409


@pytest.mark.parametrize("batch", [1, 20], ids=["alone", "in a range"])
def test_with_fail_fast_no_step_begins_after_one_has_given_up(
    stack: Stack, tmp_path: Path, batch: int
) -> None:
    block(tmp_path, 3)
    params = {"folder": str(tmp_path), "pause_ms": 100}
    task_id = stack.create(200, job="fragile", params=params, batch=batch, fail_fast=True)

    stack.await_told(task_id)
    stack.await_quiet()

    answer = stack.answer(task_id)
    assert (answer["state"], answer["failed_steps"]) == ("failed", 1)
    assert answer["done_steps"] < len(runs(tmp_path)) < 200
    # Once or more under one id: a step that is reported late announces an end that is not announced yet.
    assert set(stack.told(task_id)) == {f"{task_id}.1.failed"}
