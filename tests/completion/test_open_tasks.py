"""An open task takes steps until it is closed, and cannot end before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import diagnosis, failing, fanout, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.diagnosis import Observations
from donebit.completion.fanout import Slice
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.publishing import request_fan_out
from donebit.store import Store
from tests.completion.arranged import BYTE_BORDERS, MAX_STEPS, TTLS, expire, missing_ranges, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

SEEN = Observations(worker_alive=True, queued=0)


def extend(store: Store, task: Task, add: int) -> tuple[Task, int]:
    return resuming.extend(store, task.id, Extension(add=add), max_steps=MAX_STEPS)


def why(store: Store, task: Task) -> str:
    found, moment = now(store, task), clock.now()
    return diagnosis.diagnose(found, SEEN, moment).sentence(found, moment)


def test_a_report_to_an_expired_task_without_steps_finds_none(store: Store, client: Redis) -> None:
    task = start(store, 0, open=True)
    expire(client, task)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [0])
    with pytest.raises(NotFound):
        failing.fail(store, task.id, 0, "no")


@pytest.mark.parametrize("count", [0, *BYTE_BORDERS])
def test_an_open_task_whose_steps_are_done_ends_when_it_is_closed(store: Store, count: int) -> None:
    task = start(store, count, open=True)
    if count:
        reported = reporting.report(store, task.id, ranges=[(0, count)])
        assert (reported.completed_task, reported.missing_steps) == (False, 0)

    before = reporting.recount(store, task).state
    closed, ended = resuming.close(store, task.id)
    told = [announce(store, task.id) for _ in range(2)]

    assert (before, closed.state, ended, closed.open) == (State.RUNNING, State.DONE, True, False)
    assert told == [True, False]


def test_a_closed_task_ends_with_its_last_step(store: Store) -> None:
    task = start(store, 0, open=True)
    extend(store, task, 9)
    reporting.report(store, task.id, ranges=[(0, 9)])
    extend(store, task, 1)

    closed, ended = resuming.close(store, task.id)
    last = reporting.report(store, task.id, [9])

    assert (closed.state, ended) == (State.RUNNING, False)
    assert (last.completed_task, last.state, last.count) == (True, State.DONE, 10)


def test_an_open_task_whose_steps_failed_fails_when_it_is_closed(store: Store) -> None:
    task = start(store, 2, open=True)
    reporting.report(store, task.id, [0])

    failure = failing.fail(store, task.id, 1, "no")
    closed, ended = resuming.close(store, task.id)

    assert (failure.gave_up, failure.completed_task, failure.state) == (True, False, State.RUNNING)
    assert (closed.state, ended, closed.failed_steps) == (State.FAILED, True, 1)


def test_a_step_that_was_done_after_it_failed_is_done_at_the_close(store: Store) -> None:
    task = start(store, 2, open=True)
    failing.fail(store, task.id, 1, "no")
    reporting.report(store, task.id, ranges=[(0, 2)])

    assert resuming.close(store, task.id)[0].state is State.DONE


def test_a_cancelled_open_task_is_open_again_when_it_is_resumed(store: Store) -> None:
    task = start(store, 0, open=True)
    lifecycle.cancel(store, task.id)
    with pytest.raises(Conflict, match="is cancelled; only a running task can be closed"):
        resuming.close(store, task.id)

    resumed = resuming.resume(store, task.id, TTLS)

    assert (resumed.state, resumed.open, resumed.missing_steps) == (State.RUNNING, True, 0)
    assert resuming.close(store, task.id)[0].state is State.DONE


def test_only_an_open_task_is_closed_and_only_with_its_count(store: Store) -> None:
    task, plain = start(store, 3, open=True), start(store, 3)

    with pytest.raises(Conflict, match="has 3 steps, not 4 as `count` says"):
        resuming.close(store, task.id, expected=4)
    with pytest.raises(Conflict, match=f"task {plain.id} is not open, so it cannot be closed"):
        resuming.close(store, plain.id)
    with pytest.raises(NotFound):
        resuming.close(store, "never")
    resuming.close(store, task.id, expected=3)
    with pytest.raises(Conflict, match="is not open"):
        resuming.close(store, task.id)


def test_a_close_sent_twice_under_one_key_is_one_close(store: Store) -> None:
    task = start(store, 0, open=True)

    answers = [resuming.close(store, task.id, reply_key="once") for _ in range(2)]

    assert [ended for _, ended in answers] == [True, True]
    with pytest.raises(InvalidInput, match="used for another request"):
        resuming.close(store, task.id, expected=0, reply_key="once")


def test_the_last_report_and_the_close_at_once_end_the_task_once(real_store: Store) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(60):
            task = start(real_store, 1, open=True)
            closed = threads.submit(resuming.close, real_store, task.id)
            reported = threads.submit(reporting.report, real_store, task.id, [0])

            assert closed.result()[1] is not reported.result().completed_task
            assert now(real_store, task).state is State.DONE


def test_an_open_task_that_waits_for_its_close_never_stalls(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    tasks = [start(store, 0, open=True), start(store, 0, open=True, job="demo")]
    publisher = RecordingPublisher()

    for _ in range(5):
        hand_moved_clock.forward(hours=1)
        Sweep(store, publisher, TTLS).run()

    assert [now(store, task).stalled for task in tasks] == [False, False]
    assert (publisher.announced, publisher.dispatched, publisher.probed) == ([], [], [])


def test_the_first_steps_of_an_open_task_are_sent_when_they_are_added(store: Store) -> None:
    task = start(store, 0, open=True, job="demo")
    extended, first = extend(store, task, 2)
    sent: list[Slice] = []

    assert request_fan_out(None, task) is None  # type: ignore[arg-type]  # nothing to send, so nobody is asked
    assert fanout.is_due(extended, first)
    fanout.fan_out(store, extended, lambda _, parts: sent.extend(parts), first)

    assert sent == [Slice(0, 1), Slice(1, 2)]


def test_why_an_open_task_is_not_done_is_said(store: Store) -> None:
    task = start(store, 0, open=True)
    empty = why(store, task)
    extend(store, task, 2)
    missing = why(store, task)
    reporting.report(store, task.id, [0, 1])

    assert empty == "it is open: it has no steps yet, and ends when it is closed"
    assert missing.startswith("2 of 2 steps are missing")
    assert why(store, task) == "it is open: all its 2 steps have ended, and it ends when it is closed"
    assert missing_ranges(store, task) == []
