"""What a worker's main process knows of its processes' permits."""

from __future__ import annotations

import time

import pytest
from billiard.process import current_process
from redis import Redis

from done_app.worker import leases, permits
from done_app.worker.steps.position import PositionBoard
from donebit.completion import lifecycle
from donebit.completion import permits as completion_permits
from donebit.completion.leases import Holder
from donebit.completion.permits import Limit
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


def test_a_killed_process_is_forgotten_before_its_number_is_anothers(
    store: Store, board: PositionBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(permits, "killed", {7: now - permits.KILLED_FOR_SECONDS - 1, 8: now})
    assert board.permits_by_pid() == {}

    permits.PermitKeeper(store, lambda _: []).look()

    assert list(permits.killed) == [8]


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
