"""The requests and answers about expectations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from donebit import clock
from donebit.schedules.expectation import Expectation, Expected
from donebit.schedules.schedule import LONGEST_NAME
from donebit.web.models import Integer, Name, Request
from donebit.webhook_policy import MAX_URL_LENGTH

EXAMPLE_NAME = "backup-by-three"
NAMED = Field(
    max_length=LONGEST_NAME,
    description=f"at most {LONGEST_NAME} characters",
    json_schema_extra={"example": EXAMPLE_NAME},
)
EXAMPLE: dict[str, Any] = {"cron": "0 3 * * *", "zone": "Europe/Berlin", "label": "backup"}


class ExpectationBody(Request):
    """Which tasks must be done, or started, before each deadline."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    cron: Annotated[str, Field(description="the deadlines, as of a schedule")]
    zone: Annotated[
        str | None,
        Field(description="whose wall clock is meant, an IANA name; null: that of the setting ZONE"),
    ] = None
    expected: Annotated[
        Expected, Field(description="what must have happened to one of the tasks before a deadline")
    ] = Expected.DONE
    label: Annotated[Name | None, Field(description="of the tasks that are meant")] = None
    job: Annotated[
        Name | None, Field(description="of the tasks that are meant; they must match all given")
    ] = None
    prefix: Annotated[Name | None, Field(description="that the ids of the tasks begin with")] = None
    within: Annotated[
        Integer, Field(ge=60, le=31 * 86_400, description="seconds before a deadline, in whole minutes")
    ] = 86_400
    webhook: Annotated[
        str | None,
        Field(max_length=MAX_URL_LENGTH, description="an address to tell of a miss and of a recovery"),
    ] = None
    callback: Annotated[
        str | None, Field(max_length=200, description="a Celery function of yours to call with them")
    ] = None


class ExpectationPath(Request):
    name: Annotated[Name, NAMED]


class ExpectationAnswer(BaseModel):
    """An expectation."""

    name: str = Field(json_schema_extra={"example": EXAMPLE_NAME})
    cron: str = Field(json_schema_extra={"example": "0 3 * * *"})
    zone: str = Field(json_schema_extra={"example": "Europe/Berlin"})
    expected: Expected
    label: str | None
    job: str | None
    prefix: str | None
    within: int = Field(description="seconds before a deadline")
    webhook: str | None = Field(description="where a miss and a recovery are sent")
    callback: str | None = Field(description="the Celery function that is called with them")
    created_at: str
    met: bool = Field(description="false since a deadline that was missed, until it is met again")
    missed_at: str | None = Field(description="that deadline")
    paused: bool
    next_deadline: str | None = Field(description="null: it is paused")
    missed: int = Field(description="how many deadlines were missed")

    @classmethod
    def of(cls, one: Expectation, now: datetime) -> ExpectationAnswer:
        """Make the answer about an expectation as it is at a moment."""
        spec = one.spec
        following = one.next_deadline(now)
        return cls(
            name=one.name,
            cron=spec.timing.cron,
            zone=spec.timing.zone,
            expected=spec.expected,
            label=spec.label,
            job=spec.job,
            prefix=spec.prefix,
            within=int(spec.within.total_seconds()),
            webhook=spec.webhook.url if spec.webhook else None,
            callback=spec.callback.name if spec.callback else None,
            created_at=clock.iso(one.created_at),
            met=one.missed_at is None,
            missed_at=clock.iso(one.missed_at) if one.missed_at else None,
            paused=one.paused,
            next_deadline=clock.iso(following) if following else None,
            missed=one.missed,
        )


class ExpectationsAnswer(BaseModel):
    expectations: list[ExpectationAnswer] = Field(description="all of them, by name")
