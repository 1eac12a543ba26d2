"""Two priorities among the steps that wait for a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from donebit.queue import QUEUES
from donebit.store import keys
from tests.integration.priorities import (
    HIGH_STEPS,
    NORMAL_TASKS,
    SLEEP,
    STEPS_EACH,
    normal_steps_done_before_high,
    steps_done_before_end,
)
from tests.stack import Stack
from tests.started import say


@pytest.fixture
def crowded(stack: Stack) -> Iterator[Stack]:
    """The stack, which the next test finds without the messages that still wait."""
    yield stack
    stack.server.client.delete(*map(keys.of_broker, QUEUES))


def test_a_high_task_does_not_wait_behind_a_thousand_normal_steps(crowded: Stack) -> None:
    done = normal_steps_done_before_high(crowded)

    say(f"{HIGH_STEPS} steps of a high priority: {done} normal ones were done by then")
    assert done < NORMAL_TASKS * STEPS_EACH / 4


def test_normal_steps_go_on_beside_slices_of_a_high_priority(crowded: Stack) -> None:
    high = crowded.create(500, job="demo", params=SLEEP, batch=4, priority="high", stall_after=60)
    crowded.await_dispatched(high)
    normal = crowded.create(10, job="demo", params=SLEEP, stall_after=60)

    assert steps_done_before_end(crowded, normal, high) < 250
