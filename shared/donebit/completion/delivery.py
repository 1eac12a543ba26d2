"""One delivery: the end of a task for one receiver, its attempts, and the pauses between them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from donebit import clock
from donebit.utf8 import printable

FIRST_PAUSE = timedelta(seconds=5)  # doubled before each further attempt
LONGEST_PAUSE = timedelta(hours=4)
LONGEST_WISH = timedelta(days=1)  # that a receiver is granted by its Retry-After
WISH_SPREAD = 0.25  # of the pause that a receiver asked for, added at random
RETRY_FOR = timedelta(days=7)  # longer than a weekend that nobody works
MAX_RESULT_LENGTH = 200  # characters
MAX_ATTEMPTS_KEPT = 100  # more than a week has, but a delivery may be asked for again and again


class DeliveryOutcome(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


class DeliveryRefused(Exception):
    """A delivery cannot be made, now or later."""


@dataclass(frozen=True, slots=True)
class Attempt:
    at_ms: int
    result: str  # what the receiver answered, or the error

    @property
    def at(self) -> datetime:
        return clock.moment_of_ms(self.at_ms)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The end of a task, to be delivered to one receiver."""

    nonce: str
    to: str  # a URL, the name of a function, or the id of the next task
    event: Mapping[str, Any]  # the JSON that is delivered
    enqueued_at_ms: int  # or when it was last asked for again
    spec_text: str | None = None  # of the next task, as TaskSpec.as_text gives it
    attempts: tuple[Attempt, ...] = ()
    outcome: DeliveryOutcome = DeliveryOutcome.PENDING
    trace: Mapping[str, str] = field(default_factory=dict)  # headers that name the span of its announcement

    def as_text(self) -> str:
        """As JSON, whose field names are those that stored deliveries have."""
        fields = {
            "nonce": self.nonce,
            "to": self.to,
            "event": self.event,
            "owed_at_ms": self.enqueued_at_ms,
            "order": self.spec_text,
            "attempts": [{"at_ms": one.at_ms, "said": one.result} for one in self.attempts],
            "outcome": self.outcome,
            **({"trace": dict(self.trace)} if self.trace else {}),
        }
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Delivery:
        fields = json.loads(text)
        return cls(
            nonce=fields["nonce"],
            to=fields["to"],
            event=fields["event"],
            enqueued_at_ms=fields["owed_at_ms"],
            spec_text=fields["order"],
            attempts=tuple(Attempt(one["at_ms"], one["said"]) for one in fields["attempts"]),
            outcome=DeliveryOutcome(fields["outcome"]),
            trace=fields.get("trace", {}),
        )

    @property
    def announcement_id(self) -> str:
        return str(self.event["data"]["announcement_id"])

    @property
    def task_id(self) -> str:
        """The task whose end it is."""
        return str(self.event["data"]["task_id"])

    @property
    def end_name(self) -> str:
        """The end, or what came before it, as logs name it: `{task}.{run}.{state}`."""
        data = self.event["data"]
        return f"{data['task_id']}.{data['run']}.{self.event['type'].removeprefix('task.')}"

    def with_attempt(self, now_ms: int, result: str, outcome: DeliveryOutcome) -> Delivery:
        # The script that reads the JSON again could not read what UTF-8 cannot hold.
        attempt = Attempt(now_ms, printable(result[:MAX_RESULT_LENGTH]))
        kept = self.attempts[1 - MAX_ATTEMPTS_KEPT :]
        return replace(self, attempts=(*kept, attempt), outcome=outcome)

    def asked_again(self, now_ms: int) -> Delivery:
        """The same, as if it had just been enqueued: pending, with a week of attempts before it."""
        return replace(self, enqueued_at_ms=now_ms, outcome=DeliveryOutcome.PENDING)

    def next_attempt_ms(self, now_ms: int, wish: timedelta | None = None) -> int | None:
        """When a failed delivery is tried again, in ms since the epoch; None when its week is over.

        Args:
            now_ms: when the last attempt failed.
            wish: how long the receiver asked to be left alone, if it did.
        """
        failed = sum(one.at_ms >= self.enqueued_at_ms for one in self.attempts)
        pause = max(pause_after(failed), _granted(wish))
        at_ms = now_ms + pause // timedelta(milliseconds=1)
        return at_ms if at_ms <= self.enqueued_at_ms + RETRY_FOR // timedelta(milliseconds=1) else None


def pause_after(failed_attempts: int) -> timedelta:
    """The pause before the next attempt: it doubles, and is drawn so that a thousand ends spread out."""
    doublings = min(max(0, failed_attempts - 1), 20)  # bounded: 2 ** 100 times five seconds is no timedelta
    doubled: timedelta = FIRST_PAUSE * 2**doublings
    return min(doubled, LONGEST_PAUSE) * random.uniform(1, 2)  # noqa: S311 - nobody must not guess it


def _granted(wish: timedelta | None) -> timedelta:
    if wish is None:
        return timedelta(0)
    return min(wish, LONGEST_WISH) * random.uniform(1, 1 + WISH_SPREAD)  # noqa: S311 - as above
