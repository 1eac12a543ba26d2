"""Deliveries: the end of a task, sent to each receiver of its spec at least once, retried for a week.

What is sent is stored when the end is announced, so it does not change when the task is resumed. Any number
of couriers may claim due deliveries; of two that come at once, one gets it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from donebit import clock
from donebit.completion import counting
from donebit.completion.delivery import RETRY_FOR, Delivery, DeliveryOutcome, DeliveryRefused
from donebit.completion.measures import DELIVERIES, Tally
from donebit.completion.spec import Callback, NextTask, Receiver, TaskSpec, Webhook
from donebit.completion.state import Early, Occasion
from donebit.completion.task import Task
from donebit.store import Store
from donebit.store.deliveries import Name
from donebit.traces import traces

LEASE = timedelta(seconds=60)  # a courier that dies is replaced by another after this
MARGIN = timedelta(hours=1)
# As is the task until all are delivered, so that its page can show the attempts.
KEEP_FOR = RETRY_FOR + MARGIN


# What becomes of an attempt, in /metrics.
OUTCOMES = {
    DeliveryOutcome.PENDING: "failed",
    DeliveryOutcome.DELIVERED: "delivered",
    DeliveryOutcome.GIVEN_UP: "given_up",
}
# A delivery's key: the end (task id, run, state) and the kind of receiver.
DeliveryName = Name


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that only the caller may attempt until its lease ends."""

    name: Name
    delivery: Delivery
    lease_ends_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as answers and pages show it."""

    kind: str
    delivery: Delivery
    next_attempt_at: datetime | None


def receivers_of(task: Task, occasion: Occasion) -> dict[str, Receiver]:
    """The receivers that asked to be notified of an end, or of what comes before it, by kind."""
    return {kind: one for kind, one in task.spec.receivers.items() if occasion in one.on}


def enqueue(store: Store, task: Task, occasion: Occasion | None = None) -> bool:
    """Store the deliveries of a task's end to all receivers that asked for it. A repeat is harmless.

    Args:
        occasion: what came before its end; None for its end.

    Returns:
        Whether there is any receiver.
    """
    occasion = occasion or task.state
    receivers = receivers_of(task, occasion)
    for kind, receiver in receivers.items():
        now_ms = clock.now_ms()
        to, order = _address(task, receiver, occasion)
        event = announcement_event(task, occasion)
        delivery = Delivery(task.nonce, to, event, now_ms, order, trace=traces.headers)
        store.deliveries.enqueue_delivery(
            Name(task.id, task.run, occasion, kind),
            task.nonce,
            delivery.as_text(),
            now_ms=now_ms,
            ttl=max(task.ended_ttl, RETRY_FOR) + MARGIN,
        )
    return bool(receivers)


def _address(task: Task, receiver: Receiver, occasion: Occasion) -> tuple[str, str | None]:
    match receiver:
        case Webhook():
            return receiver.url, None
        case Callback():
            return receiver.name, None
        case NextTask():
            return next_task_id(task, occasion), receiver.spec.as_text()


def next_task_id(task: Task, occasion: Occasion) -> str:
    """The id of the task that follows this end: the same however often the end is delivered.

    It depends on the nonce too, so that another task under the same id is followed by a task of its own.
    """
    digest = hashlib.sha256(f"{task.name_of(occasion)} {task.nonce}".encode()).hexdigest()
    return f"{task.id[:80]}.{digest[:12]}"


def announcement_event(task: Task, occasion: Occasion) -> dict[str, Any]:
    """The event that is delivered, in the shape that Standard Webhooks recommends for a payload.

    Of what came before the end it has no `ended_at`, and `state` is that of the moment.
    """
    early = task.first_failure_at if isinstance(occasion, Early) else None
    at = early or task.ended_at or clock.now()
    notice = task.notice or {"type": f"task.{occasion}", "data": {}}
    return {
        "type": notice["type"],
        "timestamp": clock.iso(at),
        "data": {
            "announcement_id": task.announcement_id_of(occasion),
            "task_id": task.id,
            "run": task.run,
            "state": task.state,
            "job": task.spec.job,
            "label": task.spec.label,
            "count": task.count,
            "done_steps": task.done_steps,
            "failed_steps": task.failed_steps,
            "results": task.results,
            "results_path": f"/tasks/{task.id}/results" if task.results else None,
            "created_at": clock.iso(task.created_at),
            "ended_at": None if early else clock.iso(at),
            **notice["data"],
        },
    }


def list_due(store: Store, kind: str, limit: int) -> list[Name]:
    """Up to `limit` deliveries of a kind that are to be attempted now."""
    return store.deliveries.due(kind, clock.now_ms(), limit)


def claim(store: Store, name: Name) -> ClaimedDelivery | None:
    """Claim a delivery, so that no other courier attempts it until the lease ends.

    Returns:
        None when another courier has it, or nothing is left to deliver.
    """
    now_ms = clock.now_ms()
    lease_ends_ms = now_ms + LEASE // timedelta(milliseconds=1)
    if not store.deliveries.take_delivery(name, now_ms=now_ms, lease_ends_ms=lease_ends_ms):
        return None
    text = store.deliveries.text(name)
    delivery = None if text is None else Delivery.from_text(text)
    if delivery is None or delivery.outcome is not DeliveryOutcome.PENDING:
        store.deliveries.remove_if_score(name, lease_ends_ms)
        return None
    return ClaimedDelivery(name, delivery, lease_ends_ms)


def put_off(store: Store, claimed: ClaimedDelivery, pause: timedelta) -> None:
    """Leave a delivery that was claimed untried for a while; that is no attempt."""
    store.deliveries.try_again(claimed.name, clock.now_ms() + pause // timedelta(milliseconds=1))


def record_delivered(store: Store, claimed: ClaimedDelivery, result: str) -> None:
    """Record that a delivery has arrived."""
    _end(store, claimed, result, DeliveryOutcome.DELIVERED)


def give_up(store: Store, claimed: ClaimedDelivery, result: str) -> None:
    """Record that a delivery is given up."""
    _end(store, claimed, result, DeliveryOutcome.GIVEN_UP)


def _end(store: Store, claimed: ClaimedDelivery, result: str, outcome: DeliveryOutcome) -> None:
    name, tried = claimed.name, claimed.delivery.with_attempt(clock.now_ms(), result, outcome)
    if not store.deliveries.note_delivery(name, tried.nonce, tried.as_text(), ttl=KEEP_FOR):
        return
    _count(store, name.kind, outcome)
    store.deliveries.remove_if_score(name, claimed.lease_ends_ms)
    store.tasks.release_task(name.task_id, tried.nonce)


def _count(store: Store, kind: str, outcome: DeliveryOutcome) -> None:
    """Count an attempt for /metrics; one that leaves the delivery pending has failed."""
    tally = Tally()
    tally.count(DELIVERIES, None, kind, OUTCOMES[outcome])
    counting.add_if_possible(store, tally)


def record_failed_attempt(
    store: Store, claimed: ClaimedDelivery, result: str, wish: timedelta | None = None
) -> datetime | None:
    """Record a failed attempt.

    Args:
        result: what came of it, in a few words.
        wish: how long the receiver asked to be left alone, if it did.

    Returns:
        When the next attempt is made; None when the delivery is given up.
    """
    now_ms = clock.now_ms()
    tried = claimed.delivery.with_attempt(now_ms, result, DeliveryOutcome.PENDING)
    at_ms = tried.next_attempt_ms(now_ms, wish)
    if at_ms is None:
        give_up(store, claimed, result)
        return None
    if store.deliveries.note_delivery(claimed.name, tried.nonce, tried.as_text(), ttl=KEEP_FOR):
        store.deliveries.try_again(claimed.name, at_ms)
        _count(store, claimed.name.kind, DeliveryOutcome.PENDING)
    return clock.moment_of_ms(at_ms)


def list_deliveries(store: Store, task: Task) -> list[DeliveryView]:
    """All deliveries of this task's ends, past and pending, oldest first."""
    if not task.spec.receivers:
        return []
    views = [
        DeliveryView(name.kind, Delivery.from_text(text), clock.moment_of_ms(at) if at is not None else None)
        for name, text, at in store.deliveries.of_task(task.id)
    ]
    return sorted(views, key=lambda one: (one.delivery.enqueued_at_ms, one.kind))


def next_spec(delivery: Delivery) -> TaskSpec:
    """The spec of the task that follows.

    Raises:
        DeliveryRefused: none was asked for.
    """
    if delivery.spec_text is None:
        raise DeliveryRefused("no next task was asked for")
    return TaskSpec.from_text(delivery.spec_text)
