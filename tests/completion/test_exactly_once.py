"""A task ends once, with its last step, whoever reports what how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import lifecycle, reporting
from donebit.completion.reporting import Report, StepReport
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.errors import InvalidInput, NotFound
from donebit.store import Store
from tests.completion.arranged import TTLS
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_in_use, keys_without_ttl

BYTE_BORDERS = [1, 2, 6, 7, 8, 9, 15, 16, 17, 63, 64, 65]


def start(store: Store, count: int) -> str:
    return lifecycle.start(store, TaskSpec(count), ttls=TTLS, max_steps=10_000_000).task.id


def test_a_task_completes_with_its_last_missing_step_and_only_once(store: Store) -> None:
    task_id = start(store, 3)

    answers = [reporting.report(store, task_id, [step]) for step in (2, 0, 0, 1, 1)]

    assert [answer.completed_task for answer in answers] == [False, False, False, True, False]
    assert [answer.fresh for answer in answers] == [1, 1, 0, 1, 0]


def test_of_reports_that_arrive_together_only_one_completes_the_task(store: Store) -> None:
    task_id = start(store, 1)

    answers = reporting.report_each(store, [StepReport(task_id, 0)] * 3)

    completed = [answer.completed_task for answer in answers if isinstance(answer, Report)]
    assert completed == [True, False, False]


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_the_rule_holds_at_byte_borders(store: Store, count: int) -> None:
    task_id = start(store, count)

    states = [reporting.report(store, task_id, [step]).state for step in reversed(range(count))]

    assert states == [State.RUNNING] * (count - 1) + [State.DONE]


def test_a_late_duplicate_wakes_nothing_and_leaves_no_key_behind(store: Store, client: Redis) -> None:
    task_id = start(store, 2)
    reporting.report(store, task_id, [0, 1])

    late = reporting.report(store, task_id, [0])

    assert (late.fresh, late.completed_task, late.state) == (0, False, State.DONE)
    assert keys_without_ttl(client) == set()


def test_a_step_of_an_unknown_task_creates_no_key(store: Store, client: Redis) -> None:
    with pytest.raises(NotFound):
        reporting.report(store, "never", [0])

    assert keys_in_use(client) == []


@pytest.mark.parametrize("step", [-1, 3, 4, 2**32 - 1])
def test_a_step_out_of_range_changes_nothing(store: Store, step: int) -> None:
    task_id = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"step {step} .* 0 to 2"):
        reporting.report(store, task_id, [0, step])

    assert lifecycle.get_task(store, task_id).task.done_steps == 0


def test_the_last_step_is_the_end_and_the_last_progress(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task_id = start(store, 2)
    moments = []

    for step in (0, 1, 1):
        hand_moved_clock.forward(seconds=3)
        reporting.report(store, task_id, [step])
        task = lifecycle.get_task(store, task_id).task
        moments.append((task.last_progress_at, task.ended_at))

    first, last = (hand_moved_clock.moment - timedelta(seconds=seconds) for seconds in (6, 3))
    assert moments == [(first, None), (last, last), (last, last)]
    assert task.took == timedelta(seconds=6)
