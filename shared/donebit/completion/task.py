"""A task: its record at one moment, with the spec it was started with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from donebit.clock import moment_of_ms
from donebit.completion.progress import Reading
from donebit.completion.spec import TaskSpec
from donebit.completion.state import Occasion, State

HISTORY_TTL = timedelta(days=30)  # of its runs among those of its job, unless it is set
HANDED_BACK_HOLDS = timedelta(minutes=1)  # steps that no worker can run go back every 15 s


@dataclass(frozen=True, slots=True)
class ProgressSample:
    """How many steps were missing when the sweep checked the task."""

    at: datetime
    missing_steps: int


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run of the task that ended, and was resumed."""

    run: int
    started_at: datetime
    ended_at: datetime
    state: State
    done_steps: int  # by its end, those of the runs before it too
    failed_steps: int

    @classmethod
    def from_list(cls, kept: Sequence[Any]) -> EarlierRun:
        run, started_ms, ended_ms, state, done, failed = kept
        return cls(run, moment_of_ms(started_ms), moment_of_ms(ended_ms), State(state), done, failed)


@dataclass(frozen=True, slots=True)
class HandedBack:
    """A worker could not run steps of the task, so they wait for another."""

    at: datetime  # the last time
    since: datetime  # the first time since steps of it were last done
    why: str  # names the worker and the job

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> HandedBack | None:
        if "handed_back_at" not in record:
            return None
        at, since = (moment_of_ms(int(record[f"handed_back_{when}"])) for when in ("at", "since"))
        return cls(at, since, record["handed_back_why"])

    def holds(self, task: Task, now: datetime) -> bool:
        """Whether it is still so: it was within a minute, and nothing of the task was done since."""
        return self.at >= task.last_progress_at and now - self.at < HANDED_BACK_HOLDS


@dataclass(frozen=True, slots=True)
class Parent:
    """The task whose end started another."""

    id: str
    nonce: str
    results: int  # how many of its steps had one then

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> Parent | None:
        if "parent" not in record:
            return None
        return cls(record["parent"], record["parent_nonce"], int(record["parent_results"]))

    def as_fields(self) -> dict[str, str | int]:
        return {"parent": self.id, "parent_nonce": self.nonce, "parent_results": self.results}


@dataclass(frozen=True, slots=True)
class Task:
    """A task's record as it was when it was read."""

    id: str
    spec: TaskSpec
    state: State
    count: int  # of the spec, or what the task was extended to
    missing_steps: int  # neither done nor given up
    failed_steps: int  # steps that gave up
    nonce: str  # distinguishes this task from an earlier one under the same id
    run: int
    created_at: datetime
    last_progress_at: datetime
    open: bool  # steps may be added, and it cannot end before it is closed
    results: int  # how many of its steps have one
    open_ttl: timedelta  # how long it stays without progress while it is open
    ended_ttl: timedelta  # how long it stays after its end
    history_ttl: timedelta = HISTORY_TTL  # how long its runs are kept among those of its job
    parent: Parent | None = None
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    dispatching_at: datetime | None = None  # when a process last renewed its lease on the fan-out
    dispatched_at: datetime | None = None
    stalled_at: datetime | None = None
    heals: int = 0  # how often missing steps were sent again since the last progress
    messages: int = 0  # sent for its steps in this run, by the fan-out and to heal
    failed_attempts: int = 0  # in this run
    quiet_until: datetime | None = None  # a failed step waits for its next attempt, or one handed back
    handed_back: HandedBack | None = None
    limited_until: datetime | None = None  # steps of it have waited for a permit, and are tried again by then
    probed_at: datetime | None = None  # when the sweep last sent a probe
    first_failure_at: datetime | None = None  # when the first step of this run gave up
    first_failure_told: bool = False  # its deliveries are stored
    notice: Mapping[str, Any] | None = None  # what its end tells: the type and data of another event
    rerun_of: str | None = None  # the task that this one runs again
    traceparent: str | None = None  # names the span in which it was started
    paused_at: datetime | None = None
    pauses: int = 0  # how often it has been paused
    resumed_at: datetime | None = None  # when this run began; None for the first one
    earlier_runs: tuple[EarlierRun, ...] = ()  # the last 20, oldest first
    samples: tuple[ProgressSample, ...] = ()  # the sweep's last two in this run, older first

    @property
    def done_steps(self) -> int:
        return self.count - self.missing_steps - self.failed_steps

    @property
    def is_filled(self) -> bool:
        """Whether items are still added, so that none of its steps runs before it is closed."""
        return self.open and self.spec.items is not None

    @property
    def waits_for_close(self) -> bool:
        """Whether nothing of it happens before it is closed, unless more steps are added."""
        return self.open and (self.spec.items is not None or self.missing_steps <= 0)

    @property
    def ended(self) -> bool:
        return self.state is not State.RUNNING

    @property
    def stalled(self) -> bool:
        """Whether the sweep has given up on it and there was no progress since."""
        return not self.ended and self.stalled_at is not None and self.stalled_at >= self.last_progress_at

    @property
    def paused(self) -> bool:
        """Whether workers begin no further step of it until it is resumed."""
        return not self.ended and self.paused_at is not None

    @property
    def moved_at(self) -> datetime:
        """Its last progress, or the end of the pause before a failed step's next attempt."""
        return max(self.last_progress_at, self.quiet_until or self.last_progress_at)

    @property
    def fruitless_heals(self) -> int:
        """How often its missing steps were sent again since it last moved."""
        return 0 if self.probed_at is None or self.moved_at > self.probed_at else self.heals

    @property
    def end_name(self) -> str:
        """This end as people read it, in logs; of a task made again under its id it is the same."""
        return self.name_of(self.state)

    def name_of(self, occasion: Occasion) -> str:
        """An occasion of this run as people read it, in logs."""
        return f"{self.id}.{self.run}.{occasion}"

    @property
    def announcement_id(self) -> str:
        """The id of this end, the same however often it is announced or delivered, and no other end's.

        Without a dot, which Standard Webhooks puts between the id and the time in what is signed.
        """
        return self.announcement_id_of(self.state)

    def announcement_id_of(self, occasion: Occasion) -> str:
        """The id of an occasion of this run."""
        # No part holds a space. The nonce tells this task from another one made under its id.
        meant = f"{self.id} {self.nonce} {self.run} {occasion}"
        return f"msg_{hashlib.sha256(meant.encode()).hexdigest()[:32]}"

    @property
    def run_started_at(self) -> datetime:
        """When the present run, or the last one, began."""
        return self.resumed_at or self.created_at

    @property
    def took(self) -> timedelta | None:
        """How long the last run took; None while it runs."""
        return None if self.ended_at is None else self.ended_at - self.run_started_at

    @property
    def done_in_run(self) -> int:
        """How many steps were done in the present run, or the last one."""
        return self.done_steps - (self.earlier_runs[-1].done_steps if self.earlier_runs else 0)

    @classmethod
    def from_record(cls, task_id: str, record: Mapping[str, str]) -> Task:
        def moment(name: str) -> datetime | None:
            return moment_of_ms(int(record[name])) if name in record else None

        number = partial(_number, record)
        return cls(
            id=task_id,
            spec=TaskSpec.from_text(record["order"]),
            state=State(record["state"]),
            count=int(record["count"]),
            missing_steps=int(record["left"]),
            failed_steps=int(record["failed"]),
            nonce=record["nonce"],
            run=int(record["run"]),
            created_at=moment_of_ms(int(record["created_at"])),
            last_progress_at=moment_of_ms(int(record["last_progress_at"])),
            open="open" in record,
            results=number("results"),
            open_ttl=timedelta(milliseconds=int(record["ttl"])),
            ended_ttl=timedelta(milliseconds=int(record["ended_ttl"])),
            history_ttl=_duration(record, "history_ttl", HISTORY_TTL),
            parent=Parent.from_record(record),
            ended_at=moment("ended_at"),
            announced_at=moment("announced_at"),
            dispatching_at=moment("dispatching_at"),
            dispatched_at=moment("dispatched_at"),
            stalled_at=moment("stalled_at"),
            heals=number("heals"),
            messages=number("messages"),
            failed_attempts=number("failed_attempts"),
            quiet_until=moment("quiet_until"),
            handed_back=HandedBack.from_record(record),
            probed_at=moment("probed_at"),
            **_control_fields(record),
            **_run_fields(record),
            samples=_samples(record),
        )


def _run_fields(record: Mapping[str, str]) -> dict[str, Any]:
    """The fields about the task's runs."""
    resumed = (
        {"resumed_at": moment_of_ms(int(record["run_started_at"]))} if "run_started_at" in record else {}
    )
    earlier = json.loads(record.get("runs", "[]"))
    return {**resumed, "earlier_runs": tuple(map(EarlierRun.from_list, earlier))}


def _samples(record: Mapping[str, str]) -> tuple[ProgressSample, ...]:
    return tuple(
        ProgressSample(moment_of_ms(int(record[f"{when}_at"])), int(record[f"{when}_left"]))
        for when in ("before", "seen")
        if f"{when}_at" in record
    )


def _number(record: Mapping[str, str], name: str) -> int:
    return int(record.get(name, 0))


def _duration(record: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    return timedelta(milliseconds=int(record[name])) if name in record else default


def _control_fields(record: Mapping[str, str]) -> dict[str, Any]:
    """The fields that say how the run of the task was influenced."""
    moments = {
        name: moment_of_ms(int(record[name]))
        for name in ("first_failure_at", "paused_at", "limited_until")
        if name in record
    }
    return {
        **moments,
        "first_failure_told": "first_failure_told" in record,
        "notice": json.loads(record["notice"]) if "notice" in record else None,
        "rerun_of": record.get("rerun_of"),
        "traceparent": record.get("traceparent"),
        "pauses": int(record.get("pauses", 0)),
    }


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """A task together with the reading of its bitmap at the same moment."""

    task: Task
    reading: Reading
