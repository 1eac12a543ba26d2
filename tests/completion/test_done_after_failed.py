"""A failed task whose steps are all done afterwards is done, and its two ends are both announced."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import failing, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.spec import NextTask, TaskSpec
from donebit.completion.state import State
from donebit.completion.task import EarlierRun, Task
from donebit.errors import NotFound
from donebit.store import Store, keys
from donebit.store.task_index import TaskIndexStore
from tests.completion.arranged import BYTE_BORDERS, TTLS, now, set_by_other_hands, start
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_without_ttl


def start_failed(store: Store, count: int = 2, *, told: bool = True, task_id: str | None = None) -> Task:
    """Its last step gave up, the others are done."""
    task = start(store, count, task_id=task_id)
    reporting.report(store, task.id, range(count - 1))
    failing.fail(store, task.id, count - 1, "no")
    if told:
        announce(store, task.id)
    return now(store, task)


def told(store: Store, task: Task) -> list[str]:
    heard: list[str] = []
    announce(store, task.id, lambda ended: heard.append(ended.end_name))
    return heard


@pytest.mark.parametrize("count", BYTE_BORDERS)
@pytest.mark.parametrize("as_range", [False, True])
def test_its_last_failed_step_makes_a_failed_task_done(
    store: Store, client: Redis, count: int, as_range: bool
) -> None:
    task = start_failed(store, count)
    last = count - 1

    report = reporting.report(
        store, task.id, [] if as_range else [last], [(last, count)] if as_range else [], token="mine"
    )
    again = reporting.report(store, task.id, [last], token="mine")

    assert (report.fresh, report.completed_task, report.state) == (1, True, State.DONE)
    assert (again.fresh, again.completed_task, again.state) == (0, True, State.DONE)
    ended = now(store, task)
    assert (ended.state, ended.run, ended.failed_steps, ended.done_steps) == (State.DONE, 2, 0, count)
    assert not client.exists(keys.bitmap(task.id))
    assert keys_without_ttl(client) == set()


def test_the_new_end_is_announced_under_the_next_run(store: Store) -> None:
    task = start_failed(store, told=False)
    first = told(store, task)

    reporting.report(store, task.id, [1])

    assert (first, told(store, task)) == ([f"{task.id}.1.failed"], [f"{task.id}.2.done"])
    assert told(store, task) == []


@pytest.mark.parametrize("by_other_hands", [False, True])
def test_the_run_that_failed_is_kept_as_before_a_resume(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, by_other_hands: bool
) -> None:
    task = start_failed(store, 3)
    failed = now(store, task)
    assert failed.ended_at is not None
    hand_moved_clock.forward(seconds=7)

    if by_other_hands:
        set_by_other_hands(client, task, 2)
        reporting.recount(store, failed)
    else:
        reporting.report(store, task.id, [2])

    done = now(store, task)
    assert done.earlier_runs == (EarlierRun(1, task.created_at, failed.ended_at, State.FAILED, 2, 1),)
    assert (done.run, done.run_started_at, done.took) == (2, failed.ended_at, timedelta(seconds=7))
    assert (done.done_in_run, done.failed_attempts, done.first_failure_at) == (1, 0, None)


def test_a_failed_end_not_yet_announced_is_announced_first(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    task = start_failed(store, told=False)

    with caplog.at_level(logging.INFO):
        reporting.report(store, task.id, [1])

    assert [line for line in caplog.messages if f"[{task.id}.1.failed]" in line]
    assert told(store, task) == [f"{task.id}.2.done"]


def test_what_follows_a_failure_is_started_and_stays(store: Store) -> None:
    spec = TaskSpec(1, then=NextTask(TaskSpec(3), on=(State.FAILED,)))
    task = lifecycle.start(store, spec, ttls=TTLS, max_steps=9).task
    failing.fail(store, task.id, 0, "no")

    reporting.report(store, task.id, [0])
    announce(store, task.id)

    pending = store.deliveries.due("then", 2**50, 10)
    assert [name.run for name in pending] == [1]


def test_a_task_done_after_all_is_looked_after_until_it_is_announced(store: Store) -> None:
    task = start_failed(store)
    closed = store.task_index.next_look(task.id) is None

    reporting.report(store, task.id, [1])

    assert closed
    assert store.task_index.next_look(task.id) is not None


def test_a_task_is_among_the_open_ones_before_it_becomes_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start_failed(store)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(TaskIndexStore, "open_again", die)
    with pytest.raises(RuntimeError):
        reporting.report(store, task.id, [1])

    assert now(store, task).state is State.FAILED


def test_a_failed_task_with_steps_still_failed_stays_failed(store: Store) -> None:
    task = start(store, 2)
    for step in (0, 1):
        failing.fail(store, task.id, step, "no")

    report = reporting.report(store, task.id, [0])

    assert (report.fresh, report.completed_task, report.state) == (1, False, State.FAILED)
    assert (now(store, task).run, now(store, task).failed_steps) == (1, 1)


def test_a_reply_key_gives_the_same_answer_after_the_task_is_done(store: Store) -> None:
    task = start_failed(store)

    first, again = (reporting.report(store, task.id, [1], reply_key="k") for _ in range(2))

    assert first == again
    assert first.completed_task
    assert first.state is State.DONE


def test_a_straggler_marks_nothing_in_another_task_under_its_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, prepare = start_failed(store), reporting.prepare_next_end

    def prepare_after_another_began(store: Store, task_id: str) -> Task:
        lifecycle.delete(store, task_id)
        start_failed(store, task_id=task_id)
        return prepare(store, task_id)

    monkeypatch.setattr(reporting, "prepare_next_end", prepare_after_another_began)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [1], nonce=task.nonce)
    assert (now(store, task).state, now(store, task).failed_steps) == (State.FAILED, 1)


def test_the_message_of_a_straggler_makes_its_task_done(store: Store) -> None:
    task = start_failed(store)

    assert reporting.report(store, task.id, [1], nonce=task.nonce).state is State.DONE


@pytest.mark.parametrize("how", ["recount", "report", "resume"])
def test_bits_that_another_program_set_make_a_failed_task_done(store: Store, client: Redis, how: str) -> None:
    task = start_failed(store)
    set_by_other_hands(client, task, 1)

    if how == "recount":
        reporting.recount(store, task)
    elif how == "report":
        reporting.report(store, task.id, [0])
    else:
        resuming.resume(store, task.id, TTLS)

    assert now(store, task).state is State.DONE
    assert told(store, task) == [f"{task.id}.2.done"]


def test_a_task_stored_as_failed_with_all_done_becomes_done(store: Store, client: Redis) -> None:
    task = start_failed(store)
    set_by_other_hands(client, task, 1)
    client.hset(keys.record(task.id), "failed", 0)  # as it was written before such a task became done

    report = reporting.report(store, task.id, [1])

    assert (report.fresh, report.completed_task, report.state) == (0, True, State.DONE)


def test_of_two_last_reports_at_once_one_completes_the_failed_task(real_store: Store) -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(20):
            task = start_failed(real_store, 1)
            reports = list(
                threads.map(lambda task_id: reporting.report(real_store, task_id, [0]), [task.id] * 2)
            )

            assert sorted(report.completed_task for report in reports) == [False, True]
            assert now(real_store, task).run == 2
