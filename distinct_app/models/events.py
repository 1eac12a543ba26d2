"""Requests and answers about events themselves: which there are, how long each is kept, memory."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from distinct_app.models.common import Users
from donebit.activity.periods.calendar import Granularity
from donebit.web.models import Integer, Request

Days = Annotated[Integer, Field(ge=1, le=36_500)]


class EventSummary(BaseModel):
    event: str = Field(examples=["active"])
    kind: str = Field(description="the users it holds: integers, mapped or texts", examples=["integers"])


class EventsAnswer(BaseModel):
    events: list[EventSummary] = Field(description="by name")


class ExpiryBody(Request):
    """Days that each granularity is kept, from the period's end; one left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"hour": 7, "day": 800}})

    hour: Days | None = Field(default=None, examples=[7])
    day: Days | None = Field(default=None, examples=[800])
    week: Days | None = Field(default=None, examples=[1000])
    month: Days | None = Field(default=None, examples=[2000])


class ExpiryDays(BaseModel):
    """Days that each granularity is kept, from the period's end."""

    hour: int = Field(examples=[2])
    day: int = Field(examples=[400])
    week: int = Field(examples=[840])
    month: int = Field(examples=[1860])


class EventAnswer(BaseModel):
    event: str = Field(examples=["active"])
    kind: str | None = Field(description="null for an event never visited", examples=["integers"])
    expiry_days: ExpiryDays


class PeriodMemory(BaseModel):
    period: Granularity
    name: str = Field(examples=["2026-11-21"])
    segments: int = Field(description="keys that its bitmap is divided into", examples=[3])
    bytes: int = Field(description="on the server, the overhead of the keys included", examples=[2048])


class MemoryAnswer(BaseModel):
    """Memory of an event: totals of all periods, and the largest periods first, at most a hundred."""

    event: str = Field(examples=["active"])
    bytes: int
    segments: int
    periods: int
    by_granularity: dict[Granularity, int] = Field(description="bytes")
    largest: list[PeriodMemory]


class EstimateBody(Request):
    """Integers to be imported, or a representative sample of them."""

    model_config = ConfigDict(json_schema_extra={"example": {"users": [7, 8, 3000000]}})

    users: Users


class EstimateAnswer(BaseModel):
    event: str = Field(examples=["active"])
    users: int = Field(description="distinct users")
    segments: int = Field(description="segments that they touch")
    span: int = Field(description="segments that the event would span afterwards")
    most_segments: int = Field(description="MAX_SEGMENTS")
    bytes_a_period: int = Field(description="in a period that has none of these users yet")
    bytes: int = Field(description="in an hour, its day, week and month, and all time")
    fits: bool = Field(description="whether span is at most most_segments")
