"""Who is alive and at what, how fast it goes, what was healed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store, keys, workers
from donebit.workers import presence
from donebit.workers.presence import Presence, ProcessActivity
from tests.conftest import keys_without_ttl
from tests.workers.arranged import a_worker, shows

QUEUES = ("one", "two")


def look(store: Store) -> Presence:
    return presence.read_presence(store, QUEUES, clock.now())


def test_a_worker_is_shown_as_it_showed_itself(store: Store) -> None:
    busy = ProcessActivity(8, "a", ((0, 5), (7, 9)), 7, clock.moment_of_ms(1_000))
    worker = a_worker(at=[busy, ProcessActivity(9, None)])
    shows(store, worker)

    (shown,) = look(store).workers

    assert shown.name == worker.name
    assert (shown.host, shown.pid, shown.processes) == ("here", 7, 8)
    assert list(shown.activities) == list(worker.activities)
    assert shown.alive(clock.now())


@pytest.mark.parametrize(
    ("seen", "listed", "alive"),
    [
        (timedelta(seconds=5), True, True),
        (timedelta(seconds=7), True, False),
        (timedelta(minutes=9), True, False),
        (timedelta(minutes=11), False, False),
        (timedelta(seconds=-5), True, True),
        (timedelta(hours=-2), False, False),  # before the server's clock was set back
    ],
)
def test_who_is_silent_is_lost_and_then_forgotten(
    store: Store, seen: timedelta, listed: bool, alive: bool
) -> None:
    shows(store, a_worker(seen=seen))

    found = look(store).workers

    assert [worker.alive(clock.now()) for worker in found] == ([alive] if listed else [])


def test_the_longest_there_comes_first(store: Store) -> None:
    for name, hours in (("a:1", 1), ("b:2", 3), ("c:3", 2)):
        shows(store, a_worker(name, since=timedelta(hours=hours)))

    assert [worker.name for worker in look(store).workers] == ["b:2", "c:3", "a:1"]


def test_who_ended_in_order_is_not_listed(store: Store) -> None:
    shows(store, a_worker())

    store.workers.forget([a_worker().name])

    assert look(store).workers == []


def test_the_long_gone_are_dropped_and_no_other(store: Store) -> None:
    shows(store, a_worker("gone:1", seen=timedelta(minutes=11)))
    shows(store, a_worker("lost:2", seen=timedelta(minutes=9)))
    shows(store, a_worker("here:3"))

    presence.forget_stale(store, clock.now())

    assert set(store.workers.shown()) == {"lost:2", "here:3"}


def test_a_worker_of_another_version_hides_no_other(store: Store) -> None:
    for name, how in (("x:1", "no JSON"), ("x:2", '{"host": "x"}'), ("x:3", "[]"), ("x:4", "7")):
        store.workers.keep(name, how=how)
    shows(store, a_worker())

    assert [worker.name for worker in look(store).workers] == ["here:7"]


def test_steps_are_counted_by_the_second_across_a_minutes_end(store: Store) -> None:
    now = clock.moment_of_ms(1_795_230_005_500)  # five seconds into a minute
    second = 1_795_230_005
    store.workers.keep("here:7", steps={second - 1: 5, second - 60: 1})
    store.workers.keep("here:7", steps={second - 1: 2, second - 10: 4, second: 100, second - 61: 100})

    seen = presence.read_presence(store, QUEUES, now)

    counted = {n: steps for n, steps in enumerate(seen.steps_by_second) if steps}
    assert len(seen.steps_by_second) == 60
    assert counted == {0: 1, 50: 4, 59: 7}  # neither the second that goes on, nor what is older
    assert seen.steps_per_second == 12 / 60


@pytest.mark.own_keys("donebit:two")
def test_messages_that_wait_are_counted_by_queue(store: Store, client: Redis) -> None:
    client.rpush(keys.of_broker("two"), "x", "y")
    client.hset(keys.of_broker("unacked"), "tag", "message")

    seen = look(store)

    assert seen.queues == {"one": 0, "two": 2}
    assert seen.in_hand == 1


def test_a_worker_is_full_while_none_of_its_processes_is_idle(store: Store) -> None:
    now = clock.now()
    assert not presence.has_full_worker([])

    for tasks, full in (([], False), (["a", None], False), (["a", "b"], True)):
        activities = tuple(presence.ProcessActivity(n, task) for n, task in enumerate(tasks))
        worker = presence.Worker("here:7", "here", 7, 2, (), now, now, activities)
        presence.save(store, worker.name, state=worker.to_json(), steps={}, lines=[])

        assert presence.has_full_worker(presence.live_workers(store, now)) is full


def test_of_a_broker_elsewhere_nothing_is_claimed(store: Store) -> None:
    seen = presence.read_presence(store, (), clock.now())

    assert (seen.queues, seen.in_hand) == ({}, None)


def test_the_sweep_and_what_it_looks_after_are_told(store: Store) -> None:
    unseen = look(store)
    store.heartbeats.beat("sweep", 1_000)
    store.task_index.index_task("a", 1, 1, timedelta(hours=1))

    seen = look(store)

    assert (unseen.last_sweep, unseen.open_tasks) == (None, 0)
    assert (seen.last_sweep, seen.open_tasks) == (clock.moment_of_ms(1_000), 1)


def test_heals_of_a_day_are_counted_and_the_last_are_told(store: Store) -> None:
    now_ms = clock.now_ms()
    store.workers.note_heal("long-ago", 1, now_ms - 25 * 3600 * 1000)
    for n in range(7):
        store.workers.note_heal(f"task-{n}", n, now_ms - 7 + n)

    seen = look(store)

    assert seen.heals == 7
    assert [(heal.task_id, heal.steps) for heal in seen.last_heals] == [
        (f"task-{n}", n) for n in (6, 5, 4, 3, 2)
    ]


def test_no_more_heals_are_kept_than_a_thousand(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MOST_HEALS", 3)

    for n in range(5):
        store.workers.note_heal(f"task-{n}", 1, clock.now_ms() + n)

    assert client.zcard(keys.HEALS) == 3


def test_everything_that_workers_leave_goes_by_itself(store: Store, client: Redis) -> None:
    shows(store, a_worker())
    store.workers.keep("here:7", steps={60: 1, 120: 1})
    store.workers.note_heal("a", 1, clock.now_ms())

    assert len(list(client.scan_iter())) == 4
    assert keys_without_ttl(client) == set()
