"""An end is delivered again on request, whatever became of it before, and under the same id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from donebit import clock
from donebit.completion import deliveries, failing, lifecycle, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.delivery import FIRST_PAUSE, RETRY_FOR, Delivery, DeliveryOutcome
from donebit.completion.redelivery import redeliver
from donebit.completion.spec import Callback, Webhook
from donebit.completion.task import Task
from donebit.errors import Conflict, NotFound, StoreUnavailable
from donebit.store import Store, keys
from donebit.store.deliveries import Name
from tests.completion.arranged import TTLS, life_left, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.test_deliveries import HOOK, due, said, shown, start_owed, take
from tests.conftest import keys_without_ttl


def tell(_: Task) -> None:
    """Nobody else has to hear of it."""


@pytest.mark.parametrize("before", [deliveries.record_delivered, deliveries.give_up])
def test_what_is_settled_is_delivered_again_under_its_id(store: Store, before: object) -> None:
    task = start_owed(store)
    first = take(store)
    before(store, first, "so it ended")  # type: ignore[operator]  # one of two functions

    redeliver(store, task.id, "webhook")
    second = take(store)
    deliveries.record_delivered(store, second, "answered 204")

    assert second.delivery.announcement_id == first.delivery.announcement_id
    assert said(shown(store, task)) == ["so it ended", "answered 204"]
    assert shown(store, task).delivery.outcome is DeliveryOutcome.DELIVERED
    assert due(store) == []


def test_it_has_a_week_again_and_pauses_that_begin_anew(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = start_owed(store, ended_ttl=timedelta(seconds=1))
    announce(store, task.id, tell)
    while due(store):
        again_at = deliveries.record_failed_attempt(store, take(store), "answered 500")
        hand_moved_clock.moment = again_at or hand_moved_clock.moment
    given_up = shown(store, task).delivery.outcome
    hand_moved_clock.forward(hours=1)

    redeliver(store, task.id, "webhook")
    lives = [life_left(client, key) for key in (keys.record(task.id), keys.deliveries(task.id))]
    again_at = deliveries.record_failed_attempt(store, take(store), "answered 500")

    assert given_up is DeliveryOutcome.GIVEN_UP
    assert all(life > RETRY_FOR for life in lives)
    assert again_at is not None
    assert again_at - hand_moved_clock.moment <= 2 * FIRST_PAUSE
    assert keys_without_ttl(client) == set()


def test_what_waits_for_its_next_attempt_is_made_at_once(store: Store) -> None:
    task = start_owed(store)
    deliveries.record_failed_attempt(store, take(store), "answered 500", timedelta(hours=1))

    redeliver(store, task.id, "webhook")

    assert take(store).delivery.attempts[0].result == "answered 500"


def test_an_attempt_in_progress_does_not_undo_the_wish(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    """Its failure, or its success at what the receiver lost, was begun before anybody asked."""
    task = start_owed(store)
    in_progress = take(store)
    hand_moved_clock.forward(seconds=1)

    redeliver(store, task.id, "webhook")
    deliveries.give_up(store, in_progress, "answered 410")

    assert shown(store, task).delivery.outcome is DeliveryOutcome.PENDING
    assert take(store).delivery.enqueued_at_ms == clock.now_ms()


def lose_answer(monkeypatch: pytest.MonkeyPatch, store: Store, *, runs: bool) -> None:
    """Have the connection break at the script that writes the wish, before or after it runs."""
    script = store.deliveries._scripts["redeliver"]

    def run(**given: object) -> None:
        if runs:
            script(**given)  # type: ignore[arg-type]  # as it is called in any case
        raise ConnectionLost("the answer is lost")

    monkeypatch.setitem(store.deliveries._scripts, "redeliver", run)


def test_a_wish_that_was_written_is_granted_though_its_answer_is_lost(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch, hand_moved_clock: HandMovedClock
) -> None:
    task = start_owed(store)
    deliveries.record_delivered(store, take(store), "answered 204")
    lose_answer(monkeypatch, store, runs=True)

    with pytest.raises(StoreUnavailable):
        redeliver(store, task.id, "webhook")
    hand_moved_clock.forward(seconds=61)

    assert take(store).delivery.announcement_id == task.announcement_id
    assert keys_without_ttl(client) == set()


def test_a_wish_that_was_not_written_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch, hand_moved_clock: HandMovedClock
) -> None:
    task = start_owed(store)
    deliveries.record_delivered(store, take(store), "answered 204")
    lose_answer(monkeypatch, store, runs=False)

    with pytest.raises(StoreUnavailable):
        redeliver(store, task.id, "webhook")
    hand_moved_clock.forward(seconds=61)

    (name,) = due(store)
    assert deliveries.claim(store, name) is None
    assert due(store) == []
    assert store.deliveries.pending_counts()["webhook"] == 0


def test_a_delivery_that_is_tried_at_each_read_is_a_conflict(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, write = start_owed(store), store.deliveries.redeliver

    def write_after_an_attempt(name: Name, read: str, *rest: Any, **given: Any) -> bool:
        tried = Delivery.from_text(read).with_attempt(clock.now_ms(), "no", DeliveryOutcome.PENDING)
        store.deliveries.note_delivery(name, tried.nonce, tried.as_text(), ttl=RETRY_FOR)
        return write(name, read, *rest, **given)

    monkeypatch.setattr(store.deliveries, "redeliver", write_after_an_attempt)

    with pytest.raises(Conflict, match=r"by webhook is being tried at this moment: send the request again$"):
        redeliver(store, task.id, "webhook")


def test_of_a_resumed_task_the_latest_end_or_the_one_asked_for(store: Store) -> None:
    task = start(store, 1, webhook=HOOK)
    failing.fail(store, task.id, 0, "no")
    announce(store, task.id, tell)
    deliveries.record_delivered(store, take(store), "answered 204")
    resuming.resume(store, task.id, TTLS)
    reporting.report(store, task.id, [0])
    announce(store, task.id, tell)
    deliveries.record_delivered(store, take(store), "answered 204")

    ends = []
    for run in (None, 1):
        redeliver(store, task.id, "webhook", run)
        again = take(store)
        ends.append(again.delivery.end_name)
        deliveries.record_delivered(store, again, "answered 204")

    assert ends == [f"{task.id}.2.done", f"{task.id}.1.failed"]


def test_what_was_never_to_be_delivered_is_refused_by_name(store: Store) -> None:
    task = start_owed(store, callback=Callback("reports.finished"))

    with pytest.raises(NotFound, match=r"no delivery by then; it has: callback of run 1, webhook of run 1"):
        redeliver(store, task.id, "then")
    with pytest.raises(NotFound, match=r"no delivery by webhook of run 2"):
        redeliver(store, task.id, "webhook", 2)
    with pytest.raises(NotFound, match="unknown"):
        redeliver(store, "unknown", "webhook")


def test_two_tasks_whose_names_run_together_have_two_ids(store: Store) -> None:
    one, other = (start_owed(store, task_id=name) for name in ("a.b", "a-b"))
    lifecycle.delete(store, "a.b")
    anew = start_owed(store, task_id="a.b", webhook=Webhook(HOOK.url))

    ids = {now(store, task).announcement_id for task in (other, anew)} | {one.announcement_id}

    assert len(ids) == 3
    assert all(name.startswith("msg_") and "." not in name for name in ids)
