"""What is owed to those who asked to be told: kept once, tried by one at a time, for a week."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from redis import Redis

from donebit.completion import deliveries, failing, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.deliveries import KEEP_FOR, LEASE, ClaimedDelivery, DeliveryView
from donebit.completion.delivery import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_WISH,
    RETRY_FOR,
    Delivery,
    DeliveryOutcome,
)
from donebit.completion.spec import Webhook
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store, keys
from donebit.store.deliveries import Name
from tests.completion.arranged import TTLS, life_left, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import everything, keys_in_use, keys_without_ttl

HOOK = Webhook("http://hooks.example.org/told")
INSTANT = timedelta(milliseconds=1)


def start_owed(store: Store, **asked: object) -> Task:
    """A task that is done, and whose end is owed to a webhook."""
    task = start_done(store, **{"webhook": HOOK, **asked})  # type: ignore[arg-type]  # an order's own fields
    deliveries.enqueue(store, task)
    return task


def start_failed(store: Store) -> Task:
    task = start(store, 1, webhook=HOOK)
    failing.fail(store, task.id, 0, "no")
    return now(store, task)


def due(store: Store) -> list[Name]:
    return deliveries.list_due(store, "webhook", 100)


def take(store: Store) -> ClaimedDelivery:
    (name,) = due(store)
    taken = deliveries.claim(store, name)
    assert taken is not None
    return taken


def pending(store: Store, task: Task) -> str:
    return store.task_shards.key(keys.pending("webhook"), task.id)


def shown(store: Store, task: Task) -> DeliveryView:
    (one,) = deliveries.list_deliveries(store, task)
    return one


def said(one: DeliveryView) -> list[str]:
    return [attempt.result for attempt in one.delivery.attempts]


def test_owing_again_changes_nothing(store: Store, client: Redis, hand_moved_clock: HandMovedClock) -> None:
    task = start_owed(store)
    before = everything(client)
    hand_moved_clock.forward(seconds=40)

    deliveries.enqueue(store, task)

    assert everything(client) == before
    assert due(store) == [Name(task.id, 1, "done", "webhook")]


def test_owing_again_forgets_no_attempt_and_does_not_hurry_the_next(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_owed(store)
    again_at = deliveries.record_failed_attempt(store, take(store), "answered 500")
    hand_moved_clock.forward(seconds=1)

    deliveries.enqueue(store, task)

    assert said(shown(store, task)) == ["answered 500"]
    assert shown(store, task).next_attempt_at == again_at
    assert due(store) == []


def test_what_is_delivered_is_not_tried_again_when_it_is_owed_again(store: Store) -> None:
    task = start_owed(store)
    deliveries.record_delivered(store, take(store), "answered 204")

    deliveries.enqueue(store, task)

    assert [deliveries.claim(store, name) for name in due(store)] in ([], [None])
    assert shown(store, task).delivery.outcome is DeliveryOutcome.DELIVERED
    assert due(store) == []


def test_a_delivery_missing_from_the_index_returns_when_enqueued_again(store: Store, client: Redis) -> None:
    task = start_owed(store)
    client.delete(pending(store, task))  # the announcer died between the two

    deliveries.enqueue(store, task)

    assert take(store).delivery.to == HOOK.url


def test_of_many_who_would_try_one_does(real_store: Store) -> None:
    start_owed(real_store)
    (name,) = due(real_store)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: deliveries.claim(real_store, name), range(24)))

    assert len([one for one in taken if one]) == 1


def test_another_courier_tries_after_the_lease_of_one_that_died(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start_owed(store)
    (name,) = due(store)
    assert deliveries.claim(store, name)  # and here it dies

    hand_moved_clock.forward(seconds=(LEASE - INSTANT).total_seconds())
    within_the_lease = (due(store), deliveries.claim(store, name))
    hand_moved_clock.forward(seconds=INSTANT.total_seconds())
    after_it = deliveries.claim(store, name)

    assert within_the_lease == ([], None)
    assert after_it is not None
    assert after_it.delivery.end_name == f"{name.task_id}.1.done"


def test_pauses_grow_through_a_week_and_then_it_is_given_up(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start_owed(store)
    tried_at = []

    while due(store):
        tried_at.append(hand_moved_clock.moment)
        again_at = deliveries.record_failed_attempt(store, take(store), "answered 500")
        hand_moved_clock.moment = again_at or hand_moved_clock.moment

    pauses = [later - earlier for earlier, later in pairwise(tried_at)]
    bases = [min(timedelta(seconds=5) * 2**number, LONGEST_PAUSE) for number in range(len(pauses))]
    assert all(base <= pause <= 2 * base for base, pause in zip(bases, pauses, strict=True))
    assert timedelta(days=7) - 2 * LONGEST_PAUSE < tried_at[-1] - tried_at[0] <= timedelta(days=7)
    assert shown(store, task).delivery.outcome is DeliveryOutcome.GIVEN_UP
    assert said(shown(store, task)) == ["answered 500"] * len(tried_at)
    assert shown(store, task).next_attempt_at is None


def test_what_failed_is_not_tried_before_its_pause_is_over(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start_owed(store)
    taken = take(store)

    again_at = deliveries.record_failed_attempt(store, taken, "answered 500")

    assert again_at is not None
    hand_moved_clock.moment = again_at - INSTANT
    assert (due(store), deliveries.claim(store, taken.name)) == ([], None)
    hand_moved_clock.moment = again_at
    assert take(store).delivery.attempts[0].result == "answered 500"


def test_a_weekend_without_a_receiver_loses_no_end(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = start_owed(store)
    friday_evening = hand_moved_clock.moment
    monday_morning = friday_evening + timedelta(hours=63)

    while hand_moved_clock.moment < monday_morning:
        again_at = deliveries.record_failed_attempt(store, take(store), "ConnectionRefusedError")
        assert again_at is not None
        hand_moved_clock.moment = again_at
    deliveries.record_delivered(store, take(store), "answered 204")

    assert shown(store, task).delivery.outcome is DeliveryOutcome.DELIVERED
    assert hand_moved_clock.moment - monday_morning <= 2 * LONGEST_PAUSE


def test_a_thousand_ends_are_not_tried_again_at_the_same_moment(hand_moved_clock: HandMovedClock) -> None:
    now_ms = int(hand_moved_clock.moment.timestamp() * 1000)
    failed = Delivery("nonce", HOOK.url, {}, now_ms).with_attempt(now_ms, "no", DeliveryOutcome.PENDING)

    pauses = [(failed.next_attempt_ms(now_ms) or 0) - now_ms for _ in range(1000)]
    in_each_second = Counter(pause // 1000 for pause in pauses)

    assert set(in_each_second) == {5, 6, 7, 8, 9}
    assert max(in_each_second.values()) < 300


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        (timedelta(0), FIRST_PAUSE),
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(days=90), LONGEST_WISH),
    ],
)
def test_a_receiver_is_left_alone_for_as_long_as_it_asks(
    store: Store, hand_moved_clock: HandMovedClock, asked: timedelta, least: timedelta
) -> None:
    start_owed(store)

    again_at = deliveries.record_failed_attempt(store, take(store), "answered 429", asked)

    assert again_at is not None
    assert least <= again_at - hand_moved_clock.moment <= max(1.25 * least, 2 * FIRST_PAUSE)


def test_what_an_older_version_kept_for_a_day_lives_with_its_attempts(store: Store, client: Redis) -> None:
    task = start_owed(store)
    client.expire(keys.deliveries(task.id), timedelta(hours=25))

    deliveries.record_failed_attempt(store, take(store), "answered 500")

    assert life_left(client, keys.deliveries(task.id)) > RETRY_FOR


def test_one_who_came_too_late_does_not_undo_what_is_delivered(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    """Its lease was over before it had an answer, and another was faster."""
    task = start_owed(store)
    slow = take(store)
    hand_moved_clock.forward(seconds=LEASE.total_seconds())
    deliveries.record_delivered(store, take(store), "answered 204")

    deliveries.record_failed_attempt(store, slow, "timed out")

    assert shown(store, task).delivery.outcome is DeliveryOutcome.DELIVERED
    assert said(shown(store, task)) == ["answered 204"]
    assert store.deliveries.pending_counts()["webhook"] == 0


def test_a_result_is_stored_shortened_and_readable_again(store: Store) -> None:
    task = start_owed(store)

    deliveries.record_failed_attempt(store, take(store), "\ud800" + "x" * 1000)
    store.deliveries.try_again(Name(task.id, 1, "done", "webhook"), 0)
    deliveries.record_delivered(store, take(store), "answered 204")

    assert said(shown(store, task)) == ["?" + "x" * 199, "answered 204"]


@pytest.mark.parametrize("on", [(State.FAILED,), (State.FAILED, State.CANCELLED)])
def test_an_end_that_nobody_asked_for_is_owed_to_nobody(
    store: Store, client: Redis, on: tuple[State, ...]
) -> None:
    task = start_owed(store, webhook=Webhook(HOOK.url, on))

    assert deliveries.list_deliveries(store, task) == []
    assert not any(client.exists(key) for key in (keys.deliveries(task.id), pending(store, task)))


def test_a_resumed_task_delivers_its_earlier_end_and_its_new_one(store: Store) -> None:
    task = start_failed(store)
    announce(store, task.id, lambda _: None)
    resuming.resume(store, task.id, TTLS)

    first = take(store)
    deliveries.record_delivered(store, first, "answered 204")
    reporting.report(store, task.id, [0])
    announce(store, task.id, lambda _: None)
    second = take(store)

    assert [one.delivery.end_name for one in (first, second)] == [
        f"{task.id}.1.failed",
        f"{task.id}.2.done",
    ]
    assert first.delivery.event["data"]["state"] == "failed"
    outcomes = [one.delivery.outcome for one in deliveries.list_deliveries(store, task)]
    assert outcomes == [DeliveryOutcome.DELIVERED, DeliveryOutcome.PENDING]


def test_every_key_outlives_the_week_of_attempts(store: Store, client: Redis) -> None:
    task = start_owed(store, ended_ttl=timedelta(seconds=1))

    for key in (keys.deliveries(task.id), pending(store, task)):
        assert RETRY_FOR < life_left(client, key) <= KEEP_FOR
    assert keys_without_ttl(client) == set()


def test_what_is_owed_is_seen_for_as_long_as_the_ended_task(store: Store, client: Redis) -> None:
    task = start_owed(store, ended_ttl=timedelta(days=30))

    assert life_left(client, keys.deliveries(task.id)) > timedelta(days=30)


def test_an_attempt_at_what_has_gone_leaves_no_key(store: Store, client: Redis) -> None:
    task = start_owed(store)
    taken = take(store)
    client.delete(keys.deliveries(task.id))

    deliveries.record_failed_attempt(store, taken, "answered 500")

    assert not client.exists(keys.deliveries(task.id))
    assert keys_without_ttl(client) == set()


def test_a_next_attempt_at_what_has_left_the_index_brings_nothing_back(store: Store, client: Redis) -> None:
    store.deliveries.try_again(Name("gone", 1, "done", "webhook"), 1)

    assert keys_in_use(client) == []
