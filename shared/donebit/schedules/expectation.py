"""An expectation: which tasks must be done, or started, before each of its deadlines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from donebit import clock
from donebit.completion.listing import Filter
from donebit.completion.spec import Callback, TaskSpec, Webhook
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.schedules.timing import Timing, stored
from donebit.store.slots import suffix_into_slot

SHORTEST_WITHIN, LONGEST_WITHIN = timedelta(minutes=1), timedelta(days=31)


class Expected(StrEnum):
    """What must have happened to a task."""

    DONE = "done"
    STARTED = "started"


@dataclass(frozen=True, slots=True)
class ExpectationSpec:
    """What was asked for. An equal one under the same name is the same expectation."""

    timing: Timing  # of its deadlines
    expected: Expected
    label: str | None = None  # of the tasks that are meant
    job: str | None = None
    prefix: str | None = None  # of their ids
    within: timedelta = timedelta(days=1)  # before a deadline, in whole minutes
    webhook: Webhook | None = None
    callback: Callback | None = None

    @property
    def task_filter(self) -> Filter:
        """The tasks that are meant, in any state."""
        return Filter(
            label=self.label, job=self.job, prefix=self.prefix, also=lambda task: task.notice is None
        )

    def moment_of(self, task: Task) -> datetime | None:
        """When a task met the expectation; None for one that did not, or is not meant."""
        if not (self.task_filter.may_match(task.id) and self.task_filter.matches(task)):
            return None
        if self.expected is Expected.STARTED:
            return task.created_at
        return task.ended_at if task.state is State.DONE else None

    def as_text(self) -> str:
        """The spec as canonical JSON: equal specs give equal texts."""
        fields = {
            "cron": self.timing.cron,
            "zone": self.timing.zone,
            "expected": self.expected,
            "label": self.label,
            "job": self.job,
            "prefix": self.prefix,
            "within_s": self.within.total_seconds(),
            "receivers": self.announcing().as_text(),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> ExpectationSpec:
        fields = json.loads(text)
        receivers = TaskSpec.from_text(fields["receivers"])
        return cls(
            stored(fields["cron"], fields["zone"]),
            Expected(fields["expected"]),
            fields["label"],
            fields["job"],
            fields["prefix"],
            timedelta(seconds=fields["within_s"]),
            receivers.webhook,
            receivers.callback,
        )

    def announcing(self, label: str | None = None) -> TaskSpec:
        """The task without steps that announces a miss, or a recovery, by its end."""
        return TaskSpec(0, label=label, webhook=self.webhook, callback=self.callback)


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expectation as it was when it was read."""

    name: str
    spec: ExpectationSpec
    mark: datetime  # every deadline up to this one is judged
    created_at: datetime
    missed_at: datetime | None  # the first deadline since which it is missed
    missed: int  # deadlines that were missed
    paused: bool  # no deadline is judged until it is resumed

    @classmethod
    def from_fields(cls, name: str, fields: Mapping[str, str]) -> Expectation:
        return cls(
            name,
            ExpectationSpec.from_text(fields["spec"]),
            clock.moment_of_ms(int(fields["mark"])),
            clock.moment_of_ms(int(fields["created_at"])),
            clock.moment_of_ms(int(fields["missed_at"])) if "missed_at" in fields else None,
            int(fields.get("missed", 0)),
            "paused_at" in fields,
        )

    def next_deadline(self, now: datetime) -> datetime | None:
        """The next deadline that is judged; None while it is paused."""
        return None if self.paused else self.spec.timing.after(now)

    def announcement(self, what: str, deadline: datetime) -> tuple[str, dict[str, Any]]:
        """The id of the task that announces a miss or a recovery, and what receivers are sent with it.

        Args:
            what: missed or recovered.
            deadline: the first one that was missed.
        """
        base = f"{self.name}.{deadline:%Y%m%dT%H%MZ}.{what}."
        data = {"expectation": self.name, "expected": self.spec.expected, "deadline": clock.iso(deadline)}
        return base + suffix_into_slot(base, self.name), {"type": f"expectation.{what}", "data": data}
