"""A task reads the results of the one that started it, which stays for as long as it needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from redis import Redis

from donebit.completion import lifecycle, parents, reading, reporting, results, resuming
from donebit.completion.announcing import announce
from donebit.completion.reading import ResultsGone
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.sweeping import CHECK_EVERY, Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import StoreUnavailable
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.losing_way import losing_way_to
from tests.servers import RunningServer

Answer = TypeVar("Answer")

SHORT = TaskTtls(open=timedelta(days=7), ended=timedelta(minutes=1))


def start_done(store: Store, count: int = 600) -> Task:
    """A task of which every second step has a result, ended and announced."""
    task = start(store, count, ttls=SHORT)
    runs = results.runs_of((step, str(step)) for step in range(0, count, 2))
    reporting.report_results(store, task.id, runs, ranges=[(0, count)], max_bytes=10**6)
    announce(store, task.id)
    return now(store, task)


def start_reader(store: Store, task: Task, task_id: str = "reader") -> Task:
    parent = parents.keep_parent(store, task.id, task.nonce, task_id, SHORT.open)
    return lifecycle.start(store, TaskSpec(1), task_id=task_id, ttls=SHORT, max_steps=9, parent=parent).task


def end(store: Store, task: Task) -> None:
    reporting.report(store, task.id, [0])
    announce(store, task.id)


def record_life(client: Redis, task: Task) -> timedelta:
    return life_left(client, keys.record(task.id))


def test_the_results_of_the_task_before_are_read_in_order_and_again(store: Store) -> None:
    reader = start_reader(store, start_done(store))

    found = reading.parent_results(store, now(store, reader))

    assert list(found) == list(found) == list(range(0, 600, 2))
    assert (len(found), found[-1], list(found.items())[7]) == (300, 598, (14, 14))


def test_a_task_without_a_parent_or_results_reads_none(store: Store) -> None:
    empty = start(store, 0, ttls=SHORT)
    reader = start_reader(store, empty)
    lifecycle.delete(store, empty.id)

    assert list(reading.parent_results(store, now(store, reader))) == []
    assert list(reading.parent_results(store, start(store, 1))) == []


def test_results_stay_until_the_task_that_reads_them_has_ended(store: Store, client: Redis) -> None:
    task = start_done(store)
    before = record_life(client, task)
    reader = start_reader(store, task)

    store.tasks.release_task(task.id, task.nonce)
    while_it_runs = [record_life(client, task), life_left(client, keys.results(task.id))]
    end(store, reader)

    assert before <= SHORT.ended
    assert min(while_it_runs) > SHORT.ended * 100
    assert max(record_life(client, task), life_left(client, keys.results(task.id))) <= SHORT.ended


def test_the_sweep_keeps_what_a_running_task_reads(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store)
    start_reader(store, task)
    for name in (keys.record(task.id), keys.results(task.id)):
        client.pexpire(name, 5000)

    hand_moved_clock.forward(seconds=2 * CHECK_EVERY.total_seconds())
    Sweep(store, RecordingPublisher(), SHORT).run()

    assert min(record_life(client, task), life_left(client, keys.results(task.id))) > SHORT.ended


def test_a_reader_that_is_resumed_keeps_the_results_again(store: Store, client: Redis) -> None:
    task = start_done(store)
    reader = start_reader(store, task)
    lifecycle.cancel(store, reader.id)
    announce(store, reader.id)
    released = record_life(client, task)

    resuming.resume(store, reader.id, TTLS)

    assert released <= SHORT.ended < record_life(client, task)


def test_results_are_not_kept_for_a_reader_that_is_deleted(store: Store, client: Redis) -> None:
    task, other = start_done(store), start_done(store)
    reader, again = start_reader(store, task), start_reader(store, other, "again")

    lifecycle.delete(store, reader.id)
    lifecycle.delete(store, again.id, reply_key="once")
    start_reader(store, other, "again")
    lifecycle.delete(store, again.id, reply_key="once")  # which deletes nothing more

    assert record_life(client, task) <= SHORT.ended < record_life(client, other)


def test_results_that_are_gone_are_not_taken_for_none(store: Store) -> None:
    task = start_done(store, 9000)
    reader = now(store, start_reader(store, task))
    found = reading.parent_results(store, reader)
    half = iter(found)
    next(half)

    lifecycle.delete(store, task.id)

    for gone in (lambda: list(half), lambda: list(found), lambda: len(found)):
        with pytest.raises(ResultsGone, match=f"the results of task {task.id} are gone"):
            gone()


def test_the_results_of_another_task_under_the_same_id_are_not_read(store: Store) -> None:
    task = start_done(store)
    reader = now(store, start_reader(store, task))
    lifecycle.delete(store, task.id)
    start(store, 3, task_id=task.id)

    with pytest.raises(ResultsGone):
        list(reading.parent_results(store, reader))
    end(store, reader)
    assert now(store, task).state is State.RUNNING


def test_a_reader_without_a_parent_that_lives_has_no_results_to_keep(store: Store, client: Redis) -> None:
    parent = parents.keep_parent(store, "gone", "nonce", "reader", SHORT.open)

    assert parent.results == 0
    assert list(client.scan_iter("*gone*")) == []


def test_reading_goes_on_where_an_outage_broke_it_off(real_store: Store, valkey: RunningServer) -> None:
    reader = start_reader(real_store, start_done(real_store, 10_000))
    asked = list[str]()

    def persist(read: Callable[[], Answer]) -> Answer:
        while True:
            try:
                return read()
            except StoreUnavailable:
                asked.append("again")

    with losing_way_to(valkey.port) as way:
        over = Store.at(way.url, prefix=real_store.keys.prefix)
        found = reading.parent_results(over, now(real_store, reader), persist)
        parts = iter(found)
        first = [next(parts) for _ in range(2000)]
        way.lose("HMGET", times=2)
        rest = list(parts)

    assert first + rest == list(range(0, 10_000, 2))
    assert asked == ["again", "again"]
