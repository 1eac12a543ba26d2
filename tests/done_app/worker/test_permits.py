"""What a worker's main process knows of its processes' permits."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from billiard.process import current_process
from redis import Redis

from done_app.worker import leases, permits
from done_app.worker.steps.position import PositionBoard
from donebit.completion import leases as completion_leases
from donebit.completion import lifecycle
from donebit.completion import permits as completion_permits
from donebit.completion.leases import LEASE, Holder
from donebit.completion.permits import Limit
from donebit.errors import StoreUnavailable
from donebit.store import Store, keys
from tests.completion.arranged import start


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> PositionBoard:
    """That of a worker in which this is the first process of the pool."""
    board = PositionBoard()
    for module in (leases, permits):
        monkeypatch.setattr(module, "board", board)
    monkeypatch.setattr(current_process(), "index", 0, raising=False)
    return board


def test_a_process_has_no_permit_of_the_killed_one_before_it(store: Store, board: PositionBoard) -> None:
    board.permit_slot(0)[0] = 1  # as a process leaves it that is killed at a step

    with permits.held(store, [], leases.own_holder("message")) as may_run, leases.at_step():
        assert may_run
        assert board.permits_by_pid() == {}


def test_a_process_that_has_given_its_permit_up_meanwhile_is_not_ended(
    store: Store, board: PositionBoard
) -> None:
    assert board.permits_by_pid() == {}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        message = leases.Message("a", "", careful=False, holder=Holder("kept", "here:7", process.pid))

        permits.PermitKeeper(store, lambda _: []).end(process.pid, 1, message)

        process.communicate(b"\n")
    assert (process.returncode, permits.was_ended_at("kept")) == (0, False)


class Clock:
    """A clock that stands still but for what waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_many_that_lose_their_permits_are_each_ended_in_time_and_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, kills = Clock(), list[tuple[int, float]]()
    # Each takes its permit half a second after the one before, as long as an answer is waited for.
    since = {pid: int((clock.now + pid / 2) * 1e9) for pid in range(1, 9)}
    messages = [
        leases.Message("a", "", careful=False, holder=Holder(str(pid), "here:7", pid)) for pid in since
    ]

    def wait(*_: object, **__: object) -> None:
        clock.now += 0.5
        raise StoreUnavailable("it does not answer")

    monkeypatch.setattr(permits, "time", clock)
    monkeypatch.setattr(permits, "board", SimpleNamespace(permits_by_pid=lambda: since))
    monkeypatch.setattr(permits, "messages_in_progress", lambda: messages)
    monkeypatch.setattr(completion_leases, "find_task", wait)
    monkeypatch.setattr(os, "kill", lambda pid, _: kills.append((pid, clock.now)))
    keeper = permits.PermitKeeper(store, lambda _: [])
    clock.now += 4.2  # then the first are about to lose theirs

    while len(kills) < len(since):
        keeper.look()
        clock.now += permits.LOOK_EVERY_SECONDS

    lost_at = {pid: at / 1e9 + LEASE.total_seconds() for pid, at in since.items()}
    assert max(at - lost_at[pid] for pid, at in kills) <= 1
    assert sorted(pid for pid, _ in kills) == list(since)  # once, though Celery knows of none yet
    # When it does, however late, it is the fault of no step; that of the next at the message may be.
    assert [[permits.was_ended_at(str(pid)) for pid in since] for _ in range(2)] == [[True] * 8, [False] * 8]


def runs_out(client: Redis, holder: Holder) -> float:
    """When a permit of the job runs out (ms)."""
    at_ms = client.zscore(keys.job_permits("demo"), f"{holder.worker} {holder.pid} {holder.message_id}")
    assert at_ms
    return float(at_ms)


def test_a_step_keeps_its_permit_though_its_task_is_cancelled(store: Store, client: Redis) -> None:
    task = start(store, 2, job="demo")
    limit, holder = Limit("job", "demo", 1), leases.own_holder("message")
    keeper = permits.PermitKeeper(store, lambda _: [limit])
    assert completion_permits.take(store, [limit], holder)
    before = runs_out(client, holder)
    lifecycle.cancel(store, task.id)
    time.sleep(0.05)

    assert keeper.renew(leases.Message(task.id, task.nonce, careful=False, holder=holder), holder.pid, 1)

    assert runs_out(client, holder) > before
