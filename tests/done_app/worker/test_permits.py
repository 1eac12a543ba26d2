"""What a worker's main process knows of its processes' permits."""

from __future__ import annotations

import pytest
from billiard.process import current_process

from done_app.worker import leases, permits
from done_app.worker.steps.position import PositionBoard
from donebit.store import Store


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
