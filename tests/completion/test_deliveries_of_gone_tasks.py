"""What is owed while its announcer dies, its task is resumed, deleted, made anew, or expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import deliveries, failing, lifecycle, reporting, resuming
from donebit.completion.announcing import ANNOUNCE_LEASE, announce
from donebit.completion.delivery import RETRY_FOR, DeliveryOutcome
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store, keys
from donebit.store.deliveries import DeliveryStore
from donebit.store.task_index import TaskIndexStore
from donebit.store.tasks import TaskStore
from tests.completion.arranged import TTLS, expire, life_left, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.test_announcing import Crash, crash
from tests.completion.test_deliveries import HOOK, due, said, shown, start_failed, start_owed, take
from tests.conftest import keys_in_use, keys_without_ttl


def tell(_: Task) -> None:
    """Nobody else has to hear of it."""


def dies_in(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool) -> None:
    """The process dies at its next call of this, before or after it has run."""
    whole: Callable[..., object] = getattr(owner, name)

    def dies(*args: object, **given: object) -> None:
        monkeypatch.setattr(owner, name, whole)
        if after:
            whole(*args, **given)
        raise Crash

    monkeypatch.setattr(owner, name, dies)


DEATHS = [
    (DeliveryStore, "enqueue_delivery", False),
    (DeliveryStore, "enqueue_delivery", True),
    (TaskStore, "note_announced", False),
    (TaskStore, "note_announced", True),
    (TaskIndexStore, "close_task", False),
]


@pytest.mark.parametrize(("owner", "name", "after"), DEATHS)
def test_an_end_whose_announcer_dies_is_owed_once(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    hand_moved_clock: HandMovedClock,
    owner: type,
    name: str,
    after: bool,
) -> None:
    task = start_done(store, webhook=HOOK)
    dies_in(monkeypatch, owner, name, after=after)

    with pytest.raises(Crash):
        announce(store, task.id, tell)
    hand_moved_clock.forward(seconds=ANNOUNCE_LEASE.total_seconds())
    announce(store, task.id, tell)

    assert now(store, task).announced_at is not None
    assert len(deliveries.list_deliveries(store, task)) == 1
    deliveries.record_delivered(store, take(store), "answered 204")
    assert due(store) == []


def test_the_second_of_two_announcers_does_not_announce_again(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store, webhook=HOOK)
    with pytest.raises(Crash):
        announce(store, task.id, crash)
    deliveries.record_delivered(store, take(store), "answered 204")
    hand_moved_clock.forward(seconds=ANNOUNCE_LEASE.total_seconds())

    announce(store, task.id, tell)

    assert [deliveries.claim(store, name) for name in due(store)] in ([], [None])
    assert said(shown(store, task)) == ["answered 204"]


def test_a_task_resumed_before_its_end_is_announced_still_owes_it(store: Store) -> None:
    task = start_failed(store)

    resuming.resume(store, task.id, TTLS)

    assert take(store).delivery.end_name == f"{task.id}.1.failed"


def test_a_task_resumed_during_its_announcement_delivers_its_next_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start_failed(store)
    whole = TaskStore.take_announcement

    def take_and_resume(tasks: TaskStore, task_id: str, **lease: object) -> dict[str, str] | None:
        taken = whole(tasks, task_id, **lease)  # type: ignore[arg-type]  # passed on as it came
        monkeypatch.undo()
        resuming.resume(store, task_id, TTLS)
        return taken

    monkeypatch.setattr(TaskStore, "take_announcement", take_and_resume)
    told: list[State] = []
    announce(store, task.id, lambda end: told.append(end.state))
    announced_at, next_look_ms = now(store, task).announced_at, store.task_index.next_look(task.id)
    reporting.report(store, task.id, [0])
    announce(store, task.id, lambda end: told.append(end.state))

    assert told == [State.FAILED, State.DONE]
    assert announced_at is None
    assert next_look_ms is not None
    owed = [one.delivery.end_name for one in deliveries.list_deliveries(store, task)]
    assert sorted(owed) == [f"{task.id}.1.failed", f"{task.id}.2.done"]


def test_a_deleted_task_owes_nothing(store: Store, client: Redis) -> None:
    task = start_owed(store)
    (name,) = due(store)

    lifecycle.delete(store, task.id)

    assert deliveries.claim(store, name) is None
    assert keys_in_use(client) == []


def test_what_a_deleted_task_owed_is_counted_no_more(store: Store) -> None:
    gone = start_owed(store)
    deliveries.record_failed_attempt(store, take(store), "answered 500", timedelta(hours=5))
    kept = start_owed(store)

    lifecycle.delete(store, gone.id)

    assert store.deliveries.pending_counts()["webhook"] == 1
    assert [name.task_id for name in due(store)] == [kept.id]


def test_a_delete_that_is_repeated_spares_what_the_next_task_owes(store: Store) -> None:
    lifecycle.delete(store, start_owed(store, task_id="nightly").id, reply_key="once")
    anew = start_owed(store, task_id="nightly")

    lifecycle.delete(store, anew.id, reply_key="once")

    assert [name.task_id for name in due(store)] == [anew.id]


def test_a_task_deleted_while_it_is_announced_owes_nothing(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = start_done(store, webhook=HOOK)
    whole = DeliveryStore.enqueue_delivery

    def delete_and_owe(kept: DeliveryStore, *args: object, **given: object) -> None:
        lifecycle.delete(store, task.id)
        whole(kept, *args, **given)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(DeliveryStore, "enqueue_delivery", delete_and_owe)
    announce(store, task.id, tell)

    assert keys_in_use(client) == []


def test_a_task_made_anew_gets_none_of_what_the_old_one_owed(store: Store) -> None:
    old = start_owed(store, task_id="nightly")
    lifecycle.delete(store, old.id)

    anew = start(store, task_id="nightly", webhook=HOOK)

    assert deliveries.list_deliveries(store, anew) == []
    assert due(store) == []
    assert store.deliveries.pending_counts()["webhook"] == 0


def test_the_id_of_an_expired_task_starts_with_nothing_owed(store: Store, client: Redis) -> None:
    expired = start_failed(store)
    deliveries.enqueue(store, expired)
    expire(client, expired)

    anew = start(store, task_id=expired.id, webhook=HOOK)

    assert deliveries.list_deliveries(store, anew) == []


@pytest.mark.parametrize(
    "end", [deliveries.record_delivered, deliveries.give_up, deliveries.record_failed_attempt]
)
def test_an_attempt_of_the_old_task_does_not_hurt_one_made_anew(
    store: Store, end: Callable[..., object]
) -> None:
    old = start_owed(store, task_id="nightly")
    under_way = take(store)
    lifecycle.delete(store, old.id)
    anew = start_owed(store, task_id="nightly", webhook=HOOK)

    end(store, under_way, "of the old one")

    assert shown(store, anew).delivery.nonce == anew.nonce
    assert (said(shown(store, anew)), shown(store, anew).delivery.outcome) == ([], DeliveryOutcome.PENDING)
    assert take(store).delivery.nonce == anew.nonce


def test_a_recreated_tasks_delivery_is_due_now_not_when_the_old_was(store: Store) -> None:
    old = start_owed(store, task_id="nightly")
    deliveries.record_failed_attempt(store, take(store), "answered 500")
    lifecycle.delete(store, old.id)

    anew = start_owed(store, task_id="nightly")

    assert take(store).delivery.nonce == anew.nonce


def test_what_is_owed_outlives_a_task_that_is_kept_for_a_second(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store, webhook=HOOK, ended_ttl=timedelta(seconds=1))
    announce(store, task.id, tell)
    client.delete(keys.record(task.id))  # its second is over

    deliveries.record_failed_attempt(store, take(store), "answered 500")
    hand_moved_clock.forward(hours=20)
    deliveries.record_delivered(store, take(store), "answered 204")

    assert due(store) == []
    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize("end", [State.DONE, State.FAILED, State.CANCELLED])
def test_a_task_kept_for_a_second_is_kept_until_everybody_is_told(
    store: Store, client: Redis, end: State
) -> None:
    task = start(store, 1, webhook=HOOK, ended_ttl=timedelta(seconds=1))
    if end is State.DONE:
        reporting.report(store, task.id, [0])
    elif end is State.FAILED:
        failing.fail(store, task.id, 0, "no")
    else:
        lifecycle.cancel(store, task.id)
    own = [keys.record(task.id), keys.bitmap(task.id), *keys.of_failures(task.id)]
    untold = [life_left(client, key) for key in own if client.exists(key)]

    announce(store, task.id, tell)
    owed = [life_left(client, key) for key in own if client.exists(key)]
    taken = take(store)
    deliveries.record_delivered(store, taken, "answered 204")

    assert all(life > timedelta(days=6) for life in untold)
    assert all(life > RETRY_FOR for life in owed)
    assert all(life_left(client, key) <= timedelta(seconds=1) for key in own)
    assert taken.delivery.event["data"]["state"] == end


def test_an_end_delivered_before_it_is_announced_is_still_announced(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start_done(store, webhook=HOOK, ended_ttl=timedelta(seconds=1))

    def told_and_dead(_: Task) -> None:
        deliveries.record_delivered(store, take(store), "answered 204")
        raise Crash

    with pytest.raises(Crash):
        announce(store, task.id, told_and_dead)
    untold, life = now(store, task).announced_at, life_left(client, keys.record(task.id))
    hand_moved_clock.forward(seconds=ANNOUNCE_LEASE.total_seconds())
    told: list[Task] = []
    announce(store, task.id, told.append)

    assert untold is None
    assert life > timedelta(days=1)
    assert [end.id for end in told] == [task.id]


def test_a_task_resumed_during_its_announcement_keeps_the_open_ttl(store: Store, client: Redis) -> None:
    task = start_failed(store)

    def resume(end: Task) -> None:
        resuming.resume(store, end.id, TTLS)

    announce(store, task.id, resume)

    assert now(store, task).announced_at is None
    for key in (keys.record(task.id), keys.bitmap(task.id)):
        assert life_left(client, key) > timedelta(days=6)
