"""A backup is taken of a stack at work, all is lost, and the restored stack goes on to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.arranged import run, take
from tests.stack import DONE_SECONDS, Stack, ask, started_stack
from tests.started import eventually

STEPS = 2000


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of this test's own, which ends all of it."""
    with started_stack(tmp_path) as stack:
        yield stack


def end_programs(stack: Stack) -> None:
    stack.kill_worker()
    for name in stack.processes():
        stack._running[name].end()


def test_work_goes_on_from_a_backup_taken_of_it(own_stack: Stack, tmp_path: Path) -> None:
    stack = own_stack
    task_id = stack.create(STEPS, job="demo", params={"sleep_ms": 10})
    visit = ask("POST", f"{stack.distinct}/events/seen", {"users": ["ada", "grace"]})
    stack.await_progress(task_id, 50)

    manifest = take(stack.server, tmp_path / "backup").manifest
    end_programs(stack)
    stack.server.client.flushall()
    restored = run(stack.server, "restore", tmp_path / "backup")
    kept = stack.task(task_id).done_steps
    stack.start()
    stack.await_told(task_id, swept=True)

    assert (visit.status, manifest.one_moment, restored.returncode) == (200, True, 0), restored.stderr
    assert 50 <= kept < STEPS
    assert stack.answer(task_id)["done_steps"] == STEPS
    assert ask("GET", f"{stack.distinct}/events/seen/count?period=all").said["count"] == 2
    eventually(lambda: stack.answer(task_id)["announced_at"], DONE_SECONDS, what="it is not announced")
