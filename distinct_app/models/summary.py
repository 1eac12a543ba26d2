"""Requests and answers of the summary for a dashboard."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from donebit.activity.analytics.summary import MOST_DAYS
from donebit.web.models import WRITTEN, Request


class SummaryQuery(Request):
    days: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_DAYS,
            description="days in the daily series, today included",
            json_schema_extra={"example": 30},
        ),
        WRITTEN,
    ] = 14


class DayCount(BaseModel):
    day: str = Field(examples=["2026-11-21"])
    count: int | None = Field(examples=[310])


class SummaryAnswer(BaseModel):
    """Distinct users; null if a period that is needed has expired."""

    event: str
    at: str = Field(examples=["2026-11-21T03:04:05.678Z"])
    zone: str = Field(description="where its days begin", examples=["UTC"])
    hour: int | None = Field(description="in this hour, of UTC", examples=[12])
    today: int | None = Field(examples=[310])
    yesterday: int | None = Field(examples=[298])
    week: int | None = Field(description="in this ISO week", examples=[900])
    month: int | None = Field(examples=[2100])
    all: int | None = Field(examples=[4000])
    rolling_7: int | None = Field(description="in the last 7 days, today included", examples=[950])
    rolling_30: int | None = Field(examples=[2300])
    new_today: int | None = Field(description="seen today, not since `known_since`", examples=[25])
    known_since: str = Field(
        description="every moment from then to today is retained", examples=["2021-12-01T00:00:00Z"]
    )
    days: list[DayCount] = Field(description="ascending, today last")
