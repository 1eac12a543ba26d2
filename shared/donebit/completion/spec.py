"""What is asked for when a task is started, and the receivers of its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from donebit.completion.state import ANY_END, Occasion, State, occasion_of
from donebit.priority import NORMAL, Priority

LONGEST_SHOWN = 100  # characters of a value that differs


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that a signed request is sent to."""

    url: str
    on: tuple[Occasion, ...] = ANY_END


@dataclass(frozen=True, slots=True)
class Callback:
    """A Celery function of the user, by its name."""

    name: str
    on: tuple[Occasion, ...] = ANY_END


@dataclass(frozen=True, slots=True)
class NextTask:
    """A task that is started when this one has ended."""

    spec: TaskSpec
    on: tuple[Occasion, ...] = (State.DONE,)


Receiver = Webhook | Callback | NextTask


@dataclass(frozen=True, slots=True)
class TaskSpec:  # noqa: PLW1641 - as a frozen dataclass it has a hash
    """What was asked for when the task was started. An equal spec under the same id is the same task."""

    count: int
    job: str | None = None  # None: the caller reports the steps
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    batch: int | None = None  # steps per message; None: chosen from the count
    stall_after: timedelta = timedelta(seconds=60)
    ended_ttl: timedelta | None = None  # None: as long as the settings say
    webhook: Webhook | None = None
    callback: Callback | None = None
    then: NextTask | None = None
    priority: Priority = NORMAL  # of its steps among all that wait for workers
    fail_fast: bool = False  # the first step that gives up ends it
    max_concurrency: int | None = None  # steps of it that run at once, on all workers; None: any number
    items: str | None = None  # SHA-256 of the items it was started with; None: its steps have none
    open: bool = False  # more steps may be added until it is closed, and it cannot end before

    @property
    def receivers(self) -> Mapping[str, Receiver]:
        """The receivers of the task's end, by kind: webhook, callback, then."""
        receivers = {"webhook": self.webhook, "callback": self.callback, "then": self.then}
        return {kind: receiver for kind, receiver in receivers.items() if receiver is not None}

    @property
    def chain(self) -> Iterator[TaskSpec]:
        """This spec, and those of the tasks that follow, one after the other."""
        spec: TaskSpec | None = self
        while spec is not None:
            yield spec
            spec = spec.then.spec if spec.then else None

    def as_text(self) -> str:
        """The spec as canonical JSON: equal specs give equal texts."""
        return json.dumps(self._as_fields(), sort_keys=True, separators=(",", ":"))

    def __eq__(self, other: object) -> bool:
        """Whether both ask for the same; in JSON, unlike in Python, `true` is not 1."""
        return isinstance(other, TaskSpec) and self.as_text() == other.as_text()

    def differences(self, other: TaskSpec) -> str:
        """Name what differs in words: count is 3, not 4; job is demo, not null. Empty for an equal spec."""
        own, others = self._as_fields(), other._as_fields()
        names = sorted(own | others)
        return "; ".join(
            f"{name} is {_as_word(own.get(name))}, not {_as_word(others.get(name))}"
            for name in names
            if _as_json(own.get(name)) != _as_json(others.get(name))
        )

    def _as_fields(self) -> dict[str, Any]:
        fields = {
            "count": self.count,
            "job": self.job,
            "params": dict(self.params),
            "label": self.label,
            "batch": self.batch,
            "stall_after_s": self.stall_after.total_seconds(),
        }
        if self.ended_ttl is not None:
            fields["ended_ttl_s"] = self.ended_ttl.total_seconds()
        # What is as usual is left out, so that the text of a task is as an older version wrote it.
        unusual = ("max_concurrency", "fail_fast", "open", "items")
        fields |= {name: value for name in unusual if (value := getattr(self, name))}
        if self.priority != NORMAL:
            fields["priority"] = self.priority
        if self.webhook:
            fields["webhook"] = {"url": self.webhook.url, "on": self.webhook.on}
        if self.callback:
            fields["callback"] = {"name": self.callback.name, "on": self.callback.on}
        if self.then:
            fields["then"] = {**self.then.spec._as_fields(), "on": self.then.on}
        return fields

    @classmethod
    def from_text(cls, text: str) -> TaskSpec:
        return cls._from_fields(json.loads(text))

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> TaskSpec:
        converted: dict[str, Any] = {"stall_after": timedelta(seconds=fields.pop("stall_after_s"))}
        if "ended_ttl_s" in fields:
            converted["ended_ttl"] = timedelta(seconds=fields.pop("ended_ttl_s"))
        if webhook := fields.pop("webhook", None):
            converted["webhook"] = Webhook(webhook["url"], _ends(webhook["on"]))
        if callback := fields.pop("callback", None):
            converted["callback"] = Callback(callback["name"], _ends(callback["on"]))
        if then := fields.pop("then", None):
            ends = _ends(then.pop("on"))
            converted["then"] = NextTask(cls._from_fields(then), ends)
        return cls(**fields, **converted)


def _as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _as_word(value: object) -> str:
    text = value if isinstance(value, str) else _as_json(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _ends(names: list[str]) -> tuple[Occasion, ...]:
    return tuple(occasion_of(name) for name in names)
