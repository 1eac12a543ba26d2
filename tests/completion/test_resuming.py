"""A failed task runs again with what it has done, and ends again under its next run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import failing, items, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.failing import ChosenSteps
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.sweeping import CHECK_EVERY, Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import Conflict, NotFound
from donebit.store import Store, keys
from donebit.store.results import ResultRun
from donebit.store.task_index import TaskIndexStore
from tests.completion.arranged import TTLS, expire, life_left, missing_ranges, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.conftest import keys_without_ttl


def start_failed(store: Store, *, task_id: str | None = None) -> Task:
    """Of five steps 1 and 3 gave up, the others are done."""
    task = start(store, 5, task_id=task_id)
    reporting.report(store, task.id, [0, 2, 4])
    for step in (1, 3):
        failing.fail(store, task.id, step, "no")
    return now(store, task)


def told(store: Store, task: Task) -> list[str]:
    heard: list[str] = []
    announce(store, task.id, lambda ended: heard.append(ended.end_name))
    return heard


def test_a_run_takes_its_own_time_and_the_earlier_ones_are_kept(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 5)
    reporting.report(store, task.id, [0, 2])
    hand_moved_clock.forward(seconds=60)
    failing.fail(store, task.id, 1, "no")
    for step in (3, 4):
        failing.fail(store, task.id, step, "no")
    hand_moved_clock.forward(seconds=3600)
    resumed = resuming.resume(store, task.id, TTLS)
    hand_moved_clock.forward(seconds=7)
    reporting.report(store, task.id, [1, 3, 4])

    ended = now(store, task)

    (first,) = ended.earlier_runs
    assert (resumed.took, ended.took, ended.done_in_run) == (None, timedelta(seconds=7), 3)
    assert (first.run, first.state, first.done_steps, first.failed_steps) == (1, State.FAILED, 2, 3)
    assert first.ended_at - first.started_at == timedelta(seconds=60)
    assert ended.run_started_at - first.ended_at == timedelta(seconds=3600)


def test_a_run_that_is_retried_in_part_is_kept_too(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start_failed(store)
    hand_moved_clock.forward(seconds=30)

    resuming.retry(store, task.id, ChosenSteps([1]), TTLS)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, [1])

    ended = now(store, task)
    (first,) = ended.earlier_runs
    assert (first.run, first.state, first.done_steps, first.failed_steps) == (1, State.FAILED, 3, 2)
    assert (ended.run, ended.state, ended.took) == (2, State.FAILED, timedelta(seconds=5))


def test_the_last_twenty_earlier_runs_are_kept(store: Store) -> None:
    task = start(store, 2)
    for _ in range(25):
        lifecycle.cancel(store, task.id)
        resuming.resume(store, task.id, TTLS)

    assert [one.run for one in now(store, task).earlier_runs] == list(range(6, 26))


def test_what_was_done_stays_done_and_what_gave_up_is_missing_again(store: Store, client: Redis) -> None:
    task = start_failed(store)

    resumed = resuming.resume(store, task.id, TTLS)

    assert (resumed.state, resumed.run, resumed.done_steps, resumed.failed_steps) == (State.RUNNING, 2, 3, 0)
    assert missing_ranges(store, task) == [(1, 2), (3, 4)]
    assert not client.exists(*keys.of_failures(task.id))
    assert keys_without_ttl(client) == set()


def test_a_resumed_task_becomes_done_and_is_announced_under_its_next_run(store: Store) -> None:
    task = start_failed(store)
    first = told(store, task)
    resuming.resume(store, task.id, TTLS)

    last = reporting.report(store, task.id, [1, 3])

    assert (last.completed_task, last.state) == (True, State.DONE)
    assert (first, told(store, task)) == ([f"{task.id}.1.failed"], [f"{task.id}.2.done"])


def test_an_index_that_a_resume_makes_anew_does_not_stay_for_ever(store: Store, client: Redis) -> None:
    task = start_failed(store)
    told(store, task)
    index = store.task_shards.key(keys.OPEN_TASKS, task.id)
    none_open = client.exists(index) == 0

    resuming.resume(store, task.id, TTLS)

    assert none_open
    assert client.exists(index)
    assert keys_without_ttl(client) == set()


def test_what_a_resumed_task_needs_lives_as_long_as_it(store: Store, client: Redis) -> None:
    packed = items.pack(["a", "b"])
    spec = TaskSpec(2, items=packed.digest, ended_ttl=timedelta(seconds=1))
    task = lifecycle.start(store, spec, ttls=TTLS, max_steps=2, items=packed).task
    reporting.report_results(store, task.id, [ResultRun(0, ["5"])], max_bytes=9)
    lifecycle.cancel(store, task.id)
    announce(store, task.id)
    kept = [keys.items(task.id), keys.results(task.id)]
    before = [life_left(client, key) for key in kept]

    resuming.resume(store, task.id, TTLS)

    assert max(before) <= timedelta(seconds=1)
    assert all(life_left(client, key) > TTLS.open / 2 for key in kept)


def test_a_resumed_task_may_fail_again(store: Store) -> None:
    task = start_failed(store)
    resuming.resume(store, task.id, TTLS)
    reporting.report(store, task.id, [1])

    made = failing.fail(store, task.id, 3, "still no")

    assert (made.completed_task, made.state) == (True, State.FAILED)
    assert told(store, task) == [f"{task.id}.2.failed"]


def test_neither_a_running_nor_a_done_task_is_resumed(store: Store) -> None:
    running, done = start(store), start_done(store)

    for task, state in ((running, "running"), (done, "done")):
        with pytest.raises(
            Conflict,
            match=f"task {task.id} is {state}; only a failed, cancelled, stalled or paused one is resumed",
        ):
            resuming.resume(store, task.id, TTLS)
    with pytest.raises(NotFound):
        resuming.resume(store, "never", TTLS)


def test_a_cancelled_task_goes_on_with_what_it_has_done(store: Store, client: Redis) -> None:
    task = start(store, 4)
    reporting.report(store, task.id, [0])
    failing.fail(store, task.id, 3, "no")
    lifecycle.cancel(store, task.id)
    reporting.report(store, task.id, [1])
    first = told(store, task)

    resumed = resuming.resume(store, task.id, TTLS)
    last = reporting.report(store, task.id, [2, 3])

    assert (resumed.state, resumed.run, resumed.ended_at) == (State.RUNNING, 2, None)
    assert (resumed.done_steps, resumed.missing_steps, resumed.failed_steps) == (2, 2, 0)
    assert (last.completed_task, last.state) == (True, State.DONE)
    assert (first, told(store, task)) == ([f"{task.id}.1.cancelled"], [f"{task.id}.2.done"])
    assert keys_without_ttl(client) == set()


def test_a_cancelled_task_with_all_steps_done_is_done_when_resumed(store: Store) -> None:
    task = start(store, 2)
    lifecycle.cancel(store, task.id)
    late = reporting.report(store, task.id, [0, 1])

    assert (late.state, late.completed_task) == (State.CANCELLED, False)
    assert resuming.resume(store, task.id, TTLS).state is State.DONE
    assert told(store, task) == [f"{task.id}.2.done"]


def test_a_cancelled_end_is_announced_before_the_task_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    task = start(store, 2)
    lifecycle.cancel(store, task.id)

    with caplog.at_level("INFO"):
        resuming.resume(store, task.id, TTLS)

    assert [line for line in caplog.messages if f"[{task.id}.1.cancelled]" in line]
    assert store.task_index.next_look(task.id) is not None


def test_an_expired_failed_task_is_not_resumed(store: Store, client: Redis) -> None:
    task = start_failed(store)
    expire(client, task)

    with pytest.raises(NotFound):
        resuming.resume(store, task.id, TTLS)


def test_of_two_who_resume_at_once_one_does(real_store: Store) -> None:
    def resumes(task_id: str) -> bool:
        try:
            resuming.resume(real_store, task_id, TTLS)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for _ in range(20):
            task = start_failed(real_store)
            assert sorted(threads.map(resumes, [task.id] * 2)) == [False, True]
            assert now(real_store, task).run == 2


def test_a_late_announcement_of_the_last_run_does_not_mark_this_one(store: Store) -> None:
    task = start_failed(store)

    def resume_meanwhile(_: Task) -> None:
        resuming.resume(store, task.id, TTLS)

    announce(store, task.id, resume_meanwhile)
    reporting.report(store, task.id, [1, 3])

    assert now(store, task).announced_at is None
    assert told(store, task) == [f"{task.id}.2.done"]


def test_a_task_resumed_between_its_word_and_its_closing_stays_open(
    store: Store, monkeypatch: pytest.MonkeyPatch, hand_moved_clock: HandMovedClock
) -> None:
    task = start_failed(store)
    close_task = TaskIndexStore.close_task

    def resume_first(tasks: TaskIndexStore, task_id: str, next_look_ms: int) -> bool:
        hand_moved_clock.forward(seconds=1)
        resuming.resume(store, task_id, TTLS)
        return close_task(tasks, task_id, next_look_ms)

    monkeypatch.setattr(TaskIndexStore, "close_task", resume_first)
    announce(store, task.id, lambda _: None)
    monkeypatch.undo()

    assert store.task_index.next_look(task.id) is not None


def test_the_sweep_looks_after_a_resumed_task(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start(store, 2, job="demo")
    reporting.report(store, task.id, [0])
    failing.fail(store, task.id, 1, "no")
    told(store, task)
    resuming.resume(store, task.id, TTLS)
    hand_moved_clock.forward(seconds=2 * CHECK_EVERY.total_seconds())
    publisher = RecordingPublisher()

    Sweep(store, publisher, TTLS).run()

    assert publisher.dispatched == [task.id]


def test_a_resumed_task_is_listed_as_long_as_the_settings_keep_open_tasks(
    store: Store, client: Redis
) -> None:
    ttls = TaskTtls.from_settings(Settings(task_ttl=timedelta(days=300)))
    task = start_failed(store)
    announce(store, task.id)
    index = store.task_shards.key(keys.OPEN_TASKS, task.id)
    client.delete(index)

    resuming.resume(store, task.id, ttls)

    assert life_left(client, index) > timedelta(days=300)


def test_a_report_and_the_task_count_missing_steps_alike(store: Store) -> None:
    task = start(store, 4)
    failing.fail(store, task.id, 3, "boom")

    report = reporting.report(store, task.id, [0])

    assert (report.missing_steps, report.failed_steps, report.done_steps) == (2, 1, 1)
    assert now(store, task).missing_steps == report.missing_steps
