"""The end of a task is told at least once, and by one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import failing, lifecycle, reporting, resuming
from donebit.completion.announcing import ANNOUNCE_LEASE, announce
from donebit.completion.spec import Webhook
from donebit.completion.task import Task
from donebit.store import Store
from donebit.store.tasks import TaskStore
from tests.completion.arranged import TTLS, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_in_use, keys_without_ttl


class Crash(Exception):
    """The process that tells has died."""


def crash(_: Task) -> None:
    raise Crash


def is_open(store: Store, task: Task) -> bool:
    return store.task_index.next_look(task.id) is not None


def test_an_end_is_told_once_and_the_task_is_closed(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start_done(store)
    told: list[Task] = []

    answers = [announce(store, task.id, told.append) for _ in range(3)]
    hand_moved_clock.forward(hours=1)
    answers.append(announce(store, task.id, told.append))

    assert answers == [True, False, False, False]
    assert [end.end_name for end in told] == [f"{task.id}.1.done"]
    assert now(store, task).announced_at is not None
    assert not is_open(store, task)


def test_a_cancelled_task_is_told_as_cancelled(store: Store) -> None:
    task = start(store)
    lifecycle.cancel(store, task.id)
    told: list[Task] = []

    announce(store, task.id, told.append)

    assert [end.end_name for end in told] == [f"{task.id}.1.cancelled"]


def test_of_many_who_would_tell_one_does(real_store: Store) -> None:
    task = start_done(real_store)
    told: list[Task] = []

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: announce(real_store, task.id, told.append), range(24)))

    assert (sum(answers), len(told)) == (1, 1)


def test_a_running_task_is_not_announced_and_an_ended_one_is_at_once(store: Store) -> None:
    task = start(store, 1)
    told: list[Task] = []

    early = announce(store, task.id, told.append)
    reporting.report(store, task.id, [0])

    assert (early, told) == (False, [])
    assert announce(store, task.id, told.append)


def test_of_an_unknown_task_nothing_is_told_and_nothing_kept(store: Store, client: Redis) -> None:
    assert not announce(store, "never", crash)

    assert keys_in_use(client) == []


def test_another_announces_after_the_lease_of_one_that_died(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store)
    told: list[Task] = []

    with pytest.raises(Crash):
        announce(store, task.id, crash)
    hand_moved_clock.forward(seconds=ANNOUNCE_LEASE.total_seconds() - 0.001)
    within_the_lease = announce(store, task.id, told.append)
    open_meanwhile = is_open(store, task)
    hand_moved_clock.forward(seconds=0.001)
    after_it = announce(store, task.id, told.append)

    assert (within_the_lease, open_meanwhile, after_it) == (False, True, True)
    assert [end.end_name for end in told] == [f"{task.id}.1.done"]
    assert not is_open(store, task)


def test_an_end_is_not_noted_as_told_before_it_is(store: Store) -> None:
    task = start_done(store)
    noted_while_telling = []

    announce(store, task.id, lambda end: noted_while_telling.append(now(store, end).announced_at))

    assert noted_while_telling == [None]


def test_a_task_deleted_while_it_is_told_does_not_come_back(store: Store, client: Redis) -> None:
    task = start_done(store)

    assert announce(store, task.id, lambda end: lifecycle.delete(store, end.id))

    assert keys_in_use(client) == []
    assert keys_without_ttl(client) == set()


def test_a_task_deleted_just_before_it_is_told_leaves_nothing(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start_done(store, webhook=Webhook("https://example.org/"))
    take = TaskStore.take_announcement

    def take_and_delete(tasks: TaskStore, task_id: str, **lease: int) -> dict[str, str] | None:
        taken = take(tasks, task_id, **lease)  # type: ignore[arg-type]  # passed on as it came
        store.task_changes.delete_task(task_id, token="")
        return taken

    monkeypatch.setattr(TaskStore, "take_announcement", take_and_delete)

    announce(store, task.id)

    assert keys_in_use(client) == []


def test_an_end_that_nobody_has_told_is_told_before_the_task_runs_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    task = start(store, 1, webhook=Webhook("https://example.org/"))
    failing.fail(store, task.id, 0, "no")
    with pytest.raises(Crash):  # whoever was telling it holds the lease, and is dead
        announce(store, task.id, crash)

    resuming.resume(store, task.id, TTLS)

    assert f"[{task.id}.1.failed]" in caplog.text
    assert [name.member for name in store.deliveries.due("webhook", clock.now_ms(), 9)] == [
        f"{task.id}:1:failed:webhook"
    ]
