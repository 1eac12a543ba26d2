"""Requests and answers of funnels."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from distinct_app.models.common import Moment
from donebit.activity.analytics.funnel import FEWEST_STEPS, MOST_STEPS
from donebit.activity.periods.calendar import NAME_RULE
from donebit.web.models import Name, Request, expected

STEP_RULE = "an event, with a period or with from (and to), or a flag alone"
STEPS: list[Any] = [
    {"event": "signup", "period": "2026-10"},
    {"event": "order", "from": "2026-11-01", "to": "2026-11-15"},
    {"flag": "newsletter"},
]
NOTE = (
    "a user is counted in a step who is in it and in all steps before it. The time within a period is not "
    "known: where order is unknown, users may have done this step first, and where it is earlier, all did"
)


class StepBody(Request):
    """An event in a period or in days, or a flag."""

    event: Name | None = None
    flag: Name | None = None
    period: Annotated[
        str | None,
        Field(max_length=20, description=f"{NAME_RULE}, the default", examples=["2026-10"]),
    ] = None
    from_: Annotated[Moment | None, Field(alias="from", description="the first of the days")] = None
    to: Annotated[Moment | None, Field(description="the day after the last; by default now")] = None

    @model_validator(mode="after")
    def names_one_set(self) -> Self:
        """Require either an event or a flag, and for an event at most one of period and days."""
        timed = [one for one in (self.period, self.from_) if one is not None]
        if (
            (self.event is None) == (self.flag is None)
            or len(timed) > (self.event is not None)
            or (self.to is not None and self.from_ is None)
        ):
            raise expected(STEP_RULE)
        return self


class FunnelBody(Request):
    """Steps in the order in which users are expected to take them."""

    model_config = ConfigDict(json_schema_extra={"example": {"steps": STEPS}})

    steps: Annotated[list[StepBody], Field(min_length=FEWEST_STEPS, max_length=MOST_STEPS, examples=[STEPS])]


class FunnelStepAnswer(BaseModel):
    event: str | None = Field(examples=["order"])
    flag: str | None = None
    from_: str | None = Field(serialization_alias="from", examples=["2026-11-01T00:00:00Z"])
    to: str | None = Field(examples=["2026-11-15T00:00:00Z"])
    count: int = Field(description="users in this step and in all before it", examples=[42])
    of_first: float | None = Field(description="share of the first step; null without users", examples=[0.42])
    of_previous: float | None = Field(description="share of the previous step", examples=[0.84])
    order: str | None = Field(
        description="how its period lies relative to the previous step's: `later`, `earlier`, or `unknown` "
        "if they overlap",
        examples=["later"],
    )


class FunnelAnswer(BaseModel):
    steps: list[FunnelStepAnswer]
    note: str
