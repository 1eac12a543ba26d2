"""Requests and answers about one user's timeline, and about everybody's streaks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from distinct_app.models.common import EventPath, Moment, Text
from donebit.activity.analytics.period_ranges import MOST_PERIODS
from donebit.web.models import Request

BACK = f"half open; as far back as is kept when left out, at most {MOST_PERIODS} periods"


class StreakSpanQuery(Request):
    """Periods that follow one another."""

    granularity: Literal["hour", "day", "week", "month"] = "day"
    from_: Annotated[Moment | None, Field(alias="from", description=BACK)] = None
    to: Annotated[Moment | None, Field(description="up to now when left out")] = None


class StreakUserPath(EventPath):
    user: Text


class UserSpanQuery(StreakSpanQuery):
    user: Text


class SpanAnswer(BaseModel):
    """What an answer says of the periods that it is about; `from` and `to` are half open."""

    event: str
    granularity: str = Field(examples=["day"])
    from_: str = Field(serialization_alias="from", examples=["2026-11-14T00:00:00Z"])
    to: str = Field(examples=["2026-11-22T00:00:00Z"])
    periods: int = Field(description="how many these are", examples=[8])


class StreakAnswer(BaseModel):
    """Periods in a row, half open; none of them: length 0, and no bounds."""

    length: int = Field(examples=[2])
    from_: str | None = Field(serialization_alias="from", examples=["2026-11-19T00:00:00Z"])
    to: str | None = Field(examples=["2026-11-21T00:00:00Z"])
    at_least: bool = Field(description="it begins with the first period asked about: it may be longer")


class OfUser(SpanAnswer):
    user: int | str = Field(examples=[123])
    active: int = Field(description="BITCOUNT: in how many of the periods the user was here", examples=[3])


class TimelineAnswer(OfUser):
    present: list[str] = Field(
        description="the periods in which the user was here", examples=[["2026-11-14", "2026-11-19"]]
    )
    ranges: list[StreakAnswer] = Field(description="the same as streaks")


class UserStreakAnswer(OfUser):
    current: StreakAnswer
    longest: StreakAnswer = Field(description="of several as long the latest")
    counted_to: str = Field(
        description="up to when the current streak counts: the running period only once the user is in it",
        examples=["2026-11-21T00:00:00Z"],
    )
    note: str = Field(description="the same in words")


class LengthAnswer(BaseModel):
    length: int = Field(examples=[3])
    longest: int = Field(description="users whose longest streak is that long", examples=[41])
    current: int = Field(description="users whose current streak is that long", examples=[7])


class StreaksAnswer(SpanAnswer):
    users: int = Field(description="everybody seen in the periods", examples=[1280])
    lengths: list[LengthAnswer] = Field(
        description="those that somebody has, ascending; 0 are those whose current streak is over"
    )
    note: str = Field(description="up to when the current streaks count")
