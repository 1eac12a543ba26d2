"""Telling an end to those who asked to be told: each at least once, for a day, whatever becomes of the task.

What is to be told is kept when the end is announced, so it does not change when the task is resumed. Any
number of couriers may look for what is due; of two who come at once, one tries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from donebit import clock
from donebit.completion.spec import Callback, NextTask, Receiver, TaskSpec, Webhook
from donebit.completion.task import Task
from donebit.store import Store
from donebit.store.deliveries import Name
from donebit.utf8 import printable

LEASE = timedelta(seconds=30)  # whoever dies while trying is followed by another after this
FIRST_PAUSE = timedelta(seconds=5)  # doubled before each further attempt: 15 of them in a day
TRIED_FOR = timedelta(days=1)
MARGIN = timedelta(hours=1)
KEPT = TRIED_FOR + MARGIN  # and the task with it, until all is told: who asks sees the attempts
LONGEST_OUTCOME = 200  # characters


class DeliveryOutcome(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


class DeliveryRefused(Exception):
    """What is to be told cannot be told, now or later."""


@dataclass(frozen=True, slots=True)
class Attempt:
    at_ms: int
    said: str  # what came of it

    @property
    def at(self) -> datetime:
        return clock.moment_of_ms(self.at_ms)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One end, to be told to one receiver."""

    nonce: str
    to: str  # a URL, the name of a function, or the id of the next task
    event: Mapping[str, Any]  # what is told
    owed_at_ms: int
    order: str | None = None  # of the next task
    attempts: tuple[Attempt, ...] = ()
    outcome: DeliveryOutcome = DeliveryOutcome.PENDING

    def as_text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Delivery:
        kept = json.loads(text)
        kept["attempts"] = tuple(Attempt(**attempt) for attempt in kept["attempts"])
        return cls(**{**kept, "outcome": DeliveryOutcome(kept["outcome"])})

    @property
    def announcement_id(self) -> str:
        return str(self.event["data"]["announcement_id"])

    def tried(self, now_ms: int, said: str, outcome: DeliveryOutcome) -> Delivery:
        # What no UTF-8 can hold, the script that reads it again could not read.
        attempt = Attempt(now_ms, printable(said[:LONGEST_OUTCOME]))
        return replace(self, attempts=(*self.attempts, attempt), outcome=outcome)

    def next_attempt_ms(self, now_ms: int) -> int | None:
        """When a failed delivery is tried again; None when its day is over."""
        pause = FIRST_PAUSE * 2 ** max(0, len(self.attempts) - 1)
        at_ms = now_ms + pause // timedelta(milliseconds=1)
        return at_ms if at_ms <= self.owed_at_ms + TRIED_FOR // timedelta(milliseconds=1) else None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that the caller is the one to try, until its lease ends."""

    name: Name
    delivery: Delivery
    lease_ends_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as somebody who asks is shown it."""

    kind: str
    delivery: Delivery
    next_attempt_at: datetime | None


def enqueue(store: Store, task: Task) -> bool:
    """Keep what the end of a task is to be told to whom; whether it is to anybody. Again is harmless."""
    asked = {kind: one for kind, one in task.spec.receivers.items() if task.state in one.on}
    for kind, receiver in asked.items():
        now_ms = clock.now_ms()
        to, order = _address(task, receiver)
        delivery = Delivery(task.nonce, to, announcement(task), now_ms, order)
        store.deliveries.owe_delivery(
            Name(task.id, task.run, task.state, kind),
            task.nonce,
            delivery.as_text(),
            now_ms=now_ms,
            ttl=max(task.ended_ttl, TRIED_FOR) + MARGIN,
        )
    return bool(asked)


def _address(task: Task, receiver: Receiver) -> tuple[str, str | None]:
    match receiver:
        case Webhook():
            return receiver.url, None
        case Callback():
            return receiver.name, None
        case NextTask():
            return next_task_id(task), receiver.spec.as_text()


def next_task_id(task: Task) -> str:
    """The id of the task that follows this end: the same however often the end is told.

    Made of the nonce too: a task started anew under an old id is followed by a task of its own.
    """
    digest = hashlib.sha256(f"{task.announcement_id} {task.nonce}".encode()).hexdigest()
    return f"{task.id[:80]}.{digest[:12]}"


def announcement(task: Task) -> dict[str, Any]:
    """What is told of an end, in the shape that Standard Webhooks recommends for a payload."""
    ended_at = task.ended_at or clock.now()
    return {
        "type": f"task.{task.state}",
        "timestamp": clock.iso(ended_at),
        "data": {
            "announcement_id": task.announcement_id,
            "task_id": task.id,
            "run": task.run,
            "state": task.state,
            "job": task.spec.job,
            "label": task.spec.label,
            "count": task.count,
            "done_steps": task.done_steps,
            "failed_steps": task.failed_steps,
            "created_at": clock.iso(task.created_at),
            "ended_at": clock.iso(ended_at),
        },
    }


def due(store: Store, kind: str, limit: int) -> list[Name]:
    """What of a kind is to be tried now."""
    return store.deliveries.due(kind, clock.now_ms(), limit)


def take(store: Store, name: Name) -> ClaimedDelivery | None:
    """Become the one to try a delivery; None when another is, or there is nothing left to try."""
    now_ms = clock.now_ms()
    lease_ends_ms = now_ms + LEASE // timedelta(milliseconds=1)
    if not store.deliveries.take_delivery(name, now_ms=now_ms, lease_ends_ms=lease_ends_ms):
        return None
    text = store.deliveries.text(name)
    delivery = None if text is None else Delivery.from_text(text)
    if delivery is None or delivery.outcome is not DeliveryOutcome.PENDING:
        store.deliveries.remove_unmoved(name, lease_ends_ms)
        return None
    return ClaimedDelivery(name, delivery, lease_ends_ms)


def delivered(store: Store, taken: ClaimedDelivery, said: str) -> None:
    """It is told."""
    _end(store, taken, said, DeliveryOutcome.DELIVERED)


def give_up(store: Store, taken: ClaimedDelivery, said: str) -> None:
    """It will not be told."""
    _end(store, taken, said, DeliveryOutcome.GIVEN_UP)


def _end(store: Store, taken: ClaimedDelivery, said: str, outcome: DeliveryOutcome) -> None:
    name, tried = taken.name, taken.delivery.tried(clock.now_ms(), said, outcome)
    if not store.deliveries.note_delivery(name, tried.nonce, tried.as_text()):
        return
    store.deliveries.remove_unmoved(name, taken.lease_ends_ms)
    others = (Delivery.from_text(text) for _, text, _ in store.deliveries.of_task(name.task_id))
    if all(
        other.outcome is not DeliveryOutcome.PENDING for other in others
    ):  # nobody waits for the task any more
        store.tasks.let_task_go(name.task_id, tried.nonce, name.run)


def failed(store: Store, taken: ClaimedDelivery, said: str) -> datetime | None:
    """An attempt came to nothing; when the next is made, None when it is given up."""
    now_ms = clock.now_ms()
    tried = taken.delivery.tried(now_ms, said, DeliveryOutcome.PENDING)
    at_ms = tried.next_attempt_ms(now_ms)
    if at_ms is None:
        give_up(store, taken, said)
        return None
    if store.deliveries.note_delivery(taken.name, tried.nonce, tried.as_text()):
        store.deliveries.try_again(taken.name, at_ms)
    return clock.moment_of_ms(at_ms)


def of_task(store: Store, task: Task) -> list[DeliveryView]:
    """Whom this task's ends were told, or are to be, the oldest first."""
    if not task.spec.receivers:
        return []
    shown = [
        DeliveryView(name.kind, Delivery.from_text(text), clock.moment_of_ms(at) if at is not None else None)
        for name, text, at in store.deliveries.of_task(task.id)
    ]
    return sorted(shown, key=lambda one: (one.delivery.owed_at_ms, one.kind))


def next_order(delivery: Delivery) -> TaskSpec:
    """The order of the task that follows."""
    if delivery.order is None:
        raise DeliveryRefused("no next task was asked for")
    return TaskSpec.from_text(delivery.order)
