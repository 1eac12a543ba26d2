"""Requests and answers about days that are taken back."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from donebit.activity.events.taking_back import MOST_DAYS
from donebit.moments import PATTERN
from donebit.web.models import Request, checked_moment

Day = Annotated[str, AfterValidator(checked_moment)]


def _example(day: str) -> dict[str, JsonValue]:
    """What the schema of a day adds: a parameter has one example, where Moment has a list of them."""
    return {"pattern": PATTERN, "example": day}


class DaysQuery(Request):
    """Days of the site, half open."""

    from_: Day = Field(
        alias="from",
        description="the first day",
        json_schema_extra=_example("2026-11-20"),
    )
    to: Day = Field(
        description=f"the day after the last; at most {MOST_DAYS} days",
        json_schema_extra=_example("2026-11-21"),
    )


class Removed(BaseModel):
    """How many users the periods lose, all weeks together, and all months."""

    week: int = Field(examples=[2])
    month: int = Field(examples=[1])
    all: int = Field(examples=[1])


class DaysTakenBack(BaseModel):
    """What was removed, or would be."""

    event: str = Field(examples=["active"])
    from_: str = Field(serialization_alias="from", examples=["2026-11-20T00:00:00Z"])
    to: str = Field(examples=["2026-11-21T00:00:00Z"])
    days: int = Field(examples=[1])
    users: int = Field(description="distinct users of the days", examples=[2])
    visits: int = Field(description="the sum of the users of each day", examples=[2])
    removed: Removed
    taken_back: bool = Field(description="false where this was only counted", examples=[True])
