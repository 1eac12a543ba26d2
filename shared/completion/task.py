"""What a task is: the order it was started with, and its record as it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.clock import moment_of_ms
from shared.completion.progress import Reading


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # each step is done or has given up, and some have
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for when the task was started: the same again is the same task."""

    count: int
    job: str | None = None  # None: the caller reports the steps
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    batch: int | None = None  # steps a message; None: chosen from the count
    stall_after: timedelta = timedelta(seconds=60)

    def as_text(self) -> str:
        """The order as one canonical text: equal orders give equal texts."""
        asked = {
            "count": self.count,
            "job": self.job,
            "params": dict(self.params),
            "label": self.label,
            "batch": self.batch,
            "stall_after_s": self.stall_after.total_seconds(),
        }
        return json.dumps(asked, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Order:
        asked = json.loads(text)
        stall_after = timedelta(seconds=asked.pop("stall_after_s"))
        return cls(stall_after=stall_after, **asked)


@dataclass(frozen=True, slots=True)
class Task:
    """A task's record as one look found it."""

    id: str
    order: Order
    state: State
    count: int  # of the order, or what it was extended to
    left: int  # steps neither done nor given up
    failed: int  # steps that gave up
    nonce: str  # tells this task from an earlier one under the same id
    run: int
    created_at: datetime
    last_progress_at: datetime
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    dispatching_at: datetime | None = None  # when somebody was last seen fanning it out
    dispatched_at: datetime | None = None
    stalled_at: datetime | None = None
    heals: int = 0  # how often missing steps were sent again since the last progress

    @property
    def done_steps(self) -> int:
        return self.count - self.left - self.failed

    @property
    def ended(self) -> bool:
        return self.state is not State.RUNNING

    @property
    def stalled(self) -> bool:
        """Nothing has moved since the sweep gave up on it."""
        return not self.ended and self.stalled_at is not None and self.stalled_at >= self.last_progress_at

    @property
    def announcement_id(self) -> str:
        """The one id under which this end is told, however often it is told."""
        return f"{self.id}.{self.run}.{self.state}"

    @property
    def took(self) -> timedelta | None:
        return None if self.ended_at is None else self.ended_at - self.created_at

    @classmethod
    def from_record(cls, task_id: str, record: Mapping[str, str]) -> Task:
        def moment(name: str) -> datetime | None:
            return moment_of_ms(int(record[name])) if name in record else None

        return cls(
            id=task_id,
            order=Order.from_text(record["order"]),
            state=State(record["state"]),
            count=int(record["count"]),
            left=int(record["left"]),
            failed=int(record["failed"]),
            nonce=record["nonce"],
            run=int(record["run"]),
            created_at=moment_of_ms(int(record["created_at"])),
            last_progress_at=moment_of_ms(int(record["last_progress_at"])),
            ended_at=moment("ended_at"),
            announced_at=moment("announced_at"),
            dispatching_at=moment("dispatching_at"),
            dispatched_at=moment("dispatched_at"),
            stalled_at=moment("stalled_at"),
            heals=int(record.get("heals", 0)),
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """A task together with what the rule's two commands said of its bitmap at the same moment."""

    task: Task
    reading: Reading
