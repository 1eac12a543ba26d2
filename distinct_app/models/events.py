"""Requests and answers about events themselves: what there is, how long it is kept, what it takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from distinct_app.models.common import Users
from donebit.activity.periods.calendar import Granularity
from donebit.web.models import Integer, Request

Days = Annotated[Integer, Field(ge=1, le=36_500)]


class EventSummary(BaseModel):
    event: str = Field(examples=["active"])
    kind: str = Field(description="which users it holds: integers, mapped or texts", examples=["integers"])


class EventsAnswer(BaseModel):
    events: list[EventSummary]


class RetentionBody(Request):
    """Days that each granularity is kept, from its period's end; the default where left out."""

    hour: Days | None = Field(default=None, examples=[7])
    day: Days | None = Field(default=None, examples=[800])
    week: Days | None = None
    month: Days | None = None


class RetentionDays(BaseModel):
    hour: int = Field(examples=[2])
    day: int = Field(examples=[400])
    week: int = Field(examples=[840])
    month: int = Field(examples=[1860])


class EventAnswer(BaseModel):
    event: str
    kind: str | None = Field(description="null for an event never seen")
    retention_days: RetentionDays


class PeriodMemory(BaseModel):
    period: Granularity
    name: str = Field(examples=["2026-11-21"])
    segments: int = Field(description="keys that its bitmap is cut into")
    bytes: int = Field(description="on the server, all that goes with the keys included")


class MemoryAnswer(BaseModel):
    """The largest periods first, a hundred at most; the sums are of all."""

    event: str
    bytes: int
    segments: int
    periods: int
    by_granularity: dict[Granularity, int] = Field(description="bytes")
    largest: list[PeriodMemory]


class EstimateBody(Request):
    """Integers that are to be imported, or a fair sample of them."""

    users: Users


class EstimateAnswer(BaseModel):
    event: str
    users: int = Field(description="distinct ones")
    segments: int = Field(description="that they touch")
    span: int = Field(description="segments of the event then")
    most_segments: int = Field(description="MAX_SEGMENTS")
    bytes_a_period: int = Field(description="in a period that has none of them yet")
    bytes: int = Field(description="in an hour, its day, week and month, and all time")
    fits: bool
