"""The requests and answers about schedules."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from donebit import clock
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.schedules.schedule import LONGEST_NAME, MOST_COUNTED, Missed, Overlap, Schedule, ScheduleSpec
from donebit.web.models import WRITTEN, Name, Number, Request, at_most
from trigger_app.models import TaskRequest

EXAMPLE_NAME = "nightly"
EXAMPLE: dict[str, Any] = {
    "cron": "30 2 * * *",
    "zone": "Europe/Berlin",
    "task": {"count": 10, "job": "demo", "params": {"sleep_ms": 20}},
}
UPCOMING = 5
LONGEST_GRACE = 7 * 24 * 3600  # seconds
NAMED = Field(
    max_length=LONGEST_NAME,
    description=f"at most {LONGEST_NAME} characters, since the ids of its tasks begin with it",
    json_schema_extra={"example": EXAMPLE_NAME},
)


class ScheduleBody(Request):
    """What a schedule starts, and when."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    cron: Annotated[
        str,
        Field(
            description="minute, hour, day of the month, month and day of the week, or @hourly, @daily, "
            "@weekly, @monthly or @yearly",
        ),
    ]
    zone: Annotated[
        str | None,
        Field(description="whose wall clock is meant, an IANA name; null: that of the setting ZONE"),
    ] = None
    task: Annotated[
        TaskRequest,
        Field(description="what each firing starts; its label is the schedule's name unless it has one"),
    ]
    missed: Annotated[
        Missed,
        Field(description="which of the firings that nobody could start in time are made up for"),
    ] = Missed.LATEST
    overlap: Annotated[
        Overlap,
        Field(
            description="while the last task still runs, a firing is left out (skip), waits for it (queue), "
            "or starts another (allow)"
        ),
    ] = Overlap.SKIP
    grace: Annotated[
        Number,
        Field(
            ge=10, le=LONGEST_GRACE, description="seconds after which a firing that was not started is missed"
        ),
    ] = 60
    time_param: Annotated[
        str | None,
        Field(max_length=100, description="a parameter of the job that is given the time of the firing"),
    ] = None


class NewScheduleBody(ScheduleBody):
    """A schedule to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": EXAMPLE_NAME, **EXAMPLE}})

    name: Annotated[Name, NAMED]
    paused: Annotated[bool, Field(strict=True, description="nothing fires before it is resumed")] = False


class SchedulePath(Request):
    name: Annotated[Name, NAMED]


class SchedulesQuery(Request):
    """Which schedules to list."""

    limit: Annotated[int, at_most(1000), WRITTEN] = 100
    after: Annotated[
        Name | None,
        Field(
            description="only those whose names follow this one: `next` of the previous answer",
            json_schema_extra={"example": "hourly"},
        ),
    ] = None


class ScheduleAnswer(BaseModel):
    """A schedule."""

    name: str = Field(json_schema_extra={"example": EXAMPLE_NAME})
    cron: str = Field(json_schema_extra={"example": "30 2 * * *"})
    zone: str = Field(json_schema_extra={"example": "Europe/Berlin"})
    task: dict[str, Any] = Field(description="what each firing starts, as in the request")
    missed: Missed
    overlap: Overlap
    grace: float = Field(description="seconds after which a firing that was not started is missed")
    time_param: str | None
    paused: bool
    created_at: str
    changed_at: str
    next_at: str | None = Field(description="its next firing; null while it is paused")
    last_firing_at: str | None = Field(description="the last firing that started a task")
    last_task_id: str | None
    waiting: int = Field(description=f"firings that wait for the last task to end, {MOST_COUNTED} at most")
    started: int = Field(description="firings that started a task")
    skipped: int = Field(description="firings left out as the last task still ran")
    left_out: int = Field(description="missed firings that were not made up for")

    @classmethod
    def of(cls, schedule: Schedule, now: datetime) -> ScheduleAnswer:
        """Make the answer about a schedule as it is at a moment."""
        spec = schedule.spec
        return cls(
            name=schedule.name,
            cron=spec.timing.cron,
            zone=spec.timing.zone,
            task=request_of(spec.task),
            missed=spec.missed,
            overlap=spec.overlap,
            grace=spec.grace.total_seconds(),
            time_param=spec.time_param,
            paused=schedule.paused,
            created_at=clock.iso(schedule.created_at),
            changed_at=clock.iso(schedule.changed_at),
            next_at=_iso(schedule.next_firing(now)),
            last_firing_at=_iso(schedule.last_firing),
            last_task_id=schedule.last_task,
            waiting=len(schedule.queued()),
            started=schedule.started,
            skipped=schedule.skipped,
            left_out=schedule.missed,
        )


class ScheduleDetail(ScheduleAnswer):
    """A schedule with its next firings."""

    upcoming: list[str] = Field(description=f"its next {UPCOMING} firings if it is not paused")

    @classmethod
    def of(cls, schedule: Schedule, now: datetime) -> ScheduleDetail:
        """Make the answer about a schedule as it is at a moment."""
        firings = upcoming(schedule.spec, now)
        return cls(**ScheduleAnswer.of(schedule, now).model_dump(), upcoming=firings)


class SchedulesAnswer(BaseModel):
    schedules: list[ScheduleAnswer] = Field(description="by name")
    next: str | None = Field(description="pass as `after` to get those that follow; null: there are none")


def upcoming(spec: ScheduleSpec, now: datetime) -> list[str]:
    """The next firings after a moment."""
    return [clock.iso(one) for one in islice(spec.timing.all_after(now), UPCOMING)]


def request_of(spec: TaskSpec) -> dict[str, Any]:
    """A specification as the request that asked for it; what was left out there is left out."""
    asked: dict[str, Any] = {
        "count": spec.count,
        "job": spec.job,
        "params": dict(spec.params) or None,
        "label": spec.label,
        "batch": spec.batch,
        "stall_after": spec.stall_after.total_seconds(),
        "ended_ttl": spec.ended_ttl.total_seconds() if spec.ended_ttl else None,
        "max_concurrency": spec.max_concurrency,
        "priority": spec.priority if spec.job else None,  # a job may have another than the task was given
        "fail_fast": spec.fail_fast or None,
        "open": spec.open or None,
    }
    asked |= {kind: _receiver(one) for kind, one in spec.receivers.items()}
    return {name: value for name, value in asked.items() if value is not None}


def _receiver(receiver: Webhook | Callback | NextTask) -> dict[str, Any]:
    on = [str(one) for one in receiver.on]
    match receiver:
        case Webhook():
            return {"url": receiver.url, "on": on}
        case Callback():
            return {"name": receiver.name, "on": on}
        case NextTask():
            return {**request_of(receiver.spec), "on": on}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)
