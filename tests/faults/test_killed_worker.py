"""Whatever is killed, and when: the task gets done, and its end is told under one id."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from tests.completion.arranged import TTLS
from tests.faults.test_pausing import has_begun, pool, runs
from tests.integration.rations import ALL, allow
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually

NEVER = 3600.0  # a stall_after, in seconds: nothing is sent again


def test_a_pool_process_killed_at_its_steps_costs_none_of_them(stack: Stack, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "pause_ms": 20}
    task_id = stack.create(400, job="note", params=params, batch=50, stall_after=NEVER)
    stack.await_progress(task_id, 20)
    killed = pool(stack)

    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    stack.await_told(task_id)  # with nothing sent again: each message is kept until its work is done
    assert not killed & pool(stack)
    assert {int(file.name) for file in tmp_path.iterdir()} == set(range(400))
    assert set(stack.told(task_id)) == {f"{task_id}.1.done"}


def test_a_worker_killed_at_its_steps_and_started_again_finishes_the_task(stack: Stack) -> None:
    task_id = stack.create(400, job="demo", params={"sleep_ms": 40}, batch=50)
    stack.await_progress(task_id, 20)

    stack.kill_worker()
    left = stack.task(task_id).missing_steps
    stack.start()

    stack.await_told(task_id, swept=True)  # the broker would take an hour
    assert 0 < left < 400
    healed = (
        f"steps of task {task_id} is gone: they are sent",
        f"task {task_id} made no progress: resending",
    )
    assert any(said in stack.log for said in healed)  # by its leases, or by the sweep if it was sooner
    assert set(stack.told(task_id)) == {f"{task_id}.1.done"}


def test_an_end_that_was_claimed_and_never_told_is_told_by_the_sweep(stack: Stack) -> None:
    task = lifecycle.start(stack.store, TaskSpec(3, "demo"), ttls=TTLS, max_steps=3).task

    claimed = reporting.report(stack.store, task.id, ranges=[(0, 3)])  # and here its worker dies

    assert claimed.completed_task
    stack.await_told(task.id, swept=True)
    assert set(stack.told(task.id)) == {f"{task.id}.1.done"}


def test_a_task_whose_fan_out_was_lost_is_fanned_out_by_the_sweep(stack: Stack) -> None:
    task = lifecycle.start(stack.store, TaskSpec(3, "demo", {"sleep_ms": 0}), ttls=TTLS, max_steps=3).task

    stack.await_told(task.id)

    assert f"the steps of task {task.id} were never sent; sending them now" in stack.log


def test_a_worker_told_to_end_does_so_soon_and_loses_nothing(stack: Stack, tmp_path: Path) -> None:
    allow(tmp_path, 20)
    params = {"folder": str(tmp_path)}
    task_id = stack.create(600, job="rationed", params=params, batch=100, stall_after=NEVER)
    eventually(partial(has_begun, tmp_path, 20), DONE_SECONDS, what="no step runs")
    ended = stack.worker

    ended.send(signal.SIGTERM)
    ended.wait_for("Warm shutdown")
    allow(tmp_path, ALL)

    assert ended.exit_code(10) == 0
    assert ended.is_gone()
    assert stack.task(task_id).missing_steps > 0
    stack.start()
    stack.await_told(task_id)  # with nothing sent again, each message left was still there
    assert runs(tmp_path) == dict.fromkeys(range(600), 1)
