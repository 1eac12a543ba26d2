"""Requests and answers about one user's timeline and all users' streaks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from distinct_app.models.common import EventPath, Moment, Text
from donebit.activity.analytics.period_ranges import MOST_PERIODS
from donebit.web.models import Request

BACK = f"the start; by default as far back as the event is kept, at most {MOST_PERIODS} periods"


class StreakSpanQuery(Request):
    """Periods that follow one another."""

    granularity: Literal["hour", "day", "week", "month"] = Field(
        default="day", description="of the periods", json_schema_extra={"example": "week"}
    )
    from_: Annotated[
        Moment | None,
        Field(alias="from", description=BACK, json_schema_extra={"example": "2026-11-16"}),
    ] = None
    to: Annotated[
        Moment | None,
        Field(description="the end, exclusive; by default now", json_schema_extra={"example": "2026-11-21"}),
    ] = None


class StreakUserPath(EventPath):
    user: Annotated[Text, Field(description="an integer or a text", json_schema_extra={"example": "7"})]


class UserSpanQuery(StreakSpanQuery):
    user: Annotated[Text, Field(description="any text", json_schema_extra={"example": "ada@example.org"})]


class SpanAnswer(BaseModel):
    """The periods of an answer; `from` and `to` are half open."""

    event: str
    granularity: str = Field(examples=["day"])
    from_: str = Field(serialization_alias="from", examples=["2026-11-14T00:00:00Z"])
    to: str = Field(examples=["2026-11-22T00:00:00Z"])
    periods: int = Field(description="number of periods", examples=[8])


class StreakAnswer(BaseModel):
    """Successive periods, half open; without any, length 0 and no bounds."""

    length: int = Field(examples=[2])
    from_: str | None = Field(serialization_alias="from", examples=["2026-11-19T00:00:00Z"])
    to: str | None = Field(examples=["2026-11-21T00:00:00Z"])
    at_least: bool = Field(description="it begins with the first period of the question, so it may be longer")


class OfUser(SpanAnswer):
    user: int | str = Field(examples=[123])
    active: int = Field(description="in how many of the periods the user was active", examples=[3])


class TimelineAnswer(OfUser):
    present: list[str] = Field(
        description="the periods in which the user was active", examples=[["2026-11-14", "2026-11-19"]]
    )
    ranges: list[StreakAnswer] = Field(description="these periods as streaks")


class UserStreakAnswer(OfUser):
    current: StreakAnswer
    longest: StreakAnswer = Field(description="the latest if several are equally long")
    counted_to: str = Field(
        description="end of the current streak; the running period counts once the user was active in it",
        examples=["2026-11-21T00:00:00Z"],
    )
    note: str = Field(description="`counted_to` in words")


class LengthAnswer(BaseModel):
    length: int = Field(examples=[3])
    longest: int = Field(description="users whose longest streak is that long", examples=[41])
    current: int = Field(description="users whose current streak is that long", examples=[7])


class StreaksAnswer(SpanAnswer):
    users: int = Field(description="users seen in the periods", examples=[1280])
    lengths: list[LengthAnswer] = Field(
        description="lengths that any user has, ascending; 0 for users without a current streak"
    )
    note: str = Field(description="up to when current streaks are counted, in words")
