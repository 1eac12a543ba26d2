"""Requests and answers about one event over time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from distinct_app.models.common import Moment
from donebit.activity.analytics.series import MOST_COLUMNS, MOST_ROLLING
from donebit.web.models import WRITTEN, Request

Ending = Literal["hour", "day", "week", "month"]


class SeriesQuery(Request):
    granularity: Ending = Field(
        default="day", description="of the columns", json_schema_extra={"example": "week"}
    )
    from_: Moment | None = Field(
        default=None,
        alias="from",
        description="the start; by default 30 columns before `to`",
        json_schema_extra={"example": "2026-11-16"},
    )
    to: Moment | None = Field(
        default=None,
        description="exclusive; by default the end of the current period",
        json_schema_extra={"example": "2026-11-21"},
    )
    rolling: Annotated[int, Field(ge=1, le=MOST_ROLLING), WRITTEN] | None = Field(
        default=None,
        description="also count the users of windows of this many columns",
        json_schema_extra={"example": 7},
    )


class ColumnAnswer(BaseModel):
    period: str = Field(examples=["2026-11-21"])
    from_: str = Field(serialization_alias="from")
    to: str
    count: int = Field(description="distinct users of the column", examples=[42])
    rolling: int | None = Field(
        description="distinct users of the window that ends with it; null without `rolling`", examples=[99]
    )


class SeriesAnswer(BaseModel):
    event: str
    granularity: Ending
    rolling: int | None = Field(description="columns in a window", examples=[7])
    columns: list[ColumnAnswer] = Field(description=f"ascending, at most {MOST_COLUMNS}")
