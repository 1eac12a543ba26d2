"""Requests and answers about retention, lifecycle and stickiness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from distinct_app.models.common import AtQuery, Moment
from distinct_app.models.flags import After, Members, MembersLimit
from donebit.activity.analytics import lifecycle, stickiness
from donebit.activity.analytics.lifecycle import UserState
from donebit.activity.analytics.retention import MOST_CELLS, Cohort
from donebit.web.models import WRITTEN, Name, Request

Granularity = Annotated[
    Literal["day", "week", "month"],
    Field(description="of the periods", json_schema_extra={"example": "month"}),
]
RETURN = "the event that counts as coming back; by default the same one"
KNOWN_FROM = (
    "no visit before it is retained, so users active only before it count as new; null for recurring cohorts"
)

Cells = Annotated[int, Field(ge=1, le=MOST_CELLS), WRITTEN]
Column = Annotated[int, Field(ge=0, lt=MOST_CELLS), WRITTEN]
Periods = Annotated[
    int,
    Field(ge=1, le=lifecycle.MOST_PERIODS, description="how many periods", json_schema_extra={"example": 28}),
    WRITTEN,
]
Days = Annotated[
    int,
    Field(ge=1, le=stickiness.MOST_DAYS, description="how many days", json_schema_extra={"example": 28}),
    WRITTEN,
]
PeriodName = Annotated[
    str, Field(max_length=20, description="name of the period", json_schema_extra={"example": "2026-W47"})
]


class SuccessiveQuery(AtQuery):
    """Successive periods: the last is that of `at`, or the first that of `from`."""

    from_: Annotated[
        Moment | None,
        Field(
            alias="from",
            description="instead of at: the first period",
            json_schema_extra={"example": "2026-11-02"},
        ),
    ] = None


class CohortQuery(Request):
    cohort: Annotated[
        Cohort,
        Field(
            description="`first`: active in the row's period and never before; `recurring`: active in it",
            json_schema_extra={"example": "recurring"},
        ),
    ] = Cohort.FIRST
    return_: Annotated[
        Name | None, Field(alias="return", description=RETURN, json_schema_extra={"example": "order"})
    ] = None


class RetentionQuery(SuccessiveQuery, CohortQuery):
    granularity: Granularity = "week"
    rows: Annotated[
        Cells,
        Field(description=f"rows x columns may be at most {MOST_CELLS}", json_schema_extra={"example": 4}),
    ] = 12
    columns: Annotated[
        Cells, Field(description="periods that each row is followed for", json_schema_extra={"example": 4})
    ] = 12


class CellQuery(CohortQuery):
    row: Annotated[PeriodName, Field(description="the period of a row")]
    column: Annotated[
        Column | None, Field(description="default: the whole cohort", json_schema_extra={"example": 0})
    ] = None
    after: After = -1
    limit: MembersLimit = 100


class LifecycleQuery(SuccessiveQuery):
    granularity: Granularity = "day"
    periods: Periods = 14


class StateQuery(Request):
    period: PeriodName
    state: Annotated[
        UserState, Field(description="of the users in that period", json_schema_extra={"example": "dormant"})
    ]
    after: After = -1
    limit: MembersLimit = 100


class StickinessQuery(AtQuery):
    granularity: Granularity = "day"
    periods: Annotated[
        Periods, Field(description="the last is that of `at`", json_schema_extra={"example": 14})
    ] = 28


class RatiosQuery(SuccessiveQuery):
    days: Days = 14


class AboutPeriod(BaseModel):
    period: str = Field(examples=["2026-W47"])
    from_: str = Field(serialization_alias="from", examples=["2026-11-16T00:00:00Z"])
    to: str = Field(examples=["2026-11-23T00:00:00Z"])


class RetentionRow(AboutPeriod):
    users: int = Field(description="size of the cohort", examples=[120])
    counts: Sequence[int | None] = Field(
        description="how many of them were active 0, 1, 2 ... periods later; null if that has not begun",
        examples=[[120, 48, None]],
    )
    running: int | None = Field(
        description="the column whose period has not ended; null if all have",
        examples=[1],
    )


class ColumnAverage(BaseModel):
    """A column's average over all rows, weighted by their sizes, without periods that have not ended."""

    column: int = Field(examples=[1])
    users: int = Field(description="users of the cohorts whose period has ended", examples=[240])
    returned: int = Field(examples=[90])
    rate: float | None = Field(description="returned / users; null without users", examples=[0.375])


class RetentionAnswer(BaseModel):
    event: str
    return_: str = Field(serialization_alias="return", description=RETURN)
    granularity: Granularity
    cohort: Cohort
    known_from: str | None = Field(description=KNOWN_FROM)
    rows: list[RetentionRow] = Field(description="the earliest first, without periods that have not begun")
    averages: list[ColumnAverage]


class CohortMembers(Members, AboutPeriod):
    """The users of a row, or of a cell of it."""

    event: str
    return_: str = Field(serialization_alias="return", description=RETURN)
    cohort: Cohort
    column: int | None = Field(examples=[1])


class LifecycleStage(AboutPeriod):
    new: int = Field(description="active, and never before", examples=[20])
    returning: int = Field(description="active, and in the period before as well", examples=[70])
    resurrecting: int = Field(description="active, not in the period before, but earlier", examples=[10])
    dormant: int = Field(description="not active, but in the period before", examples=[15])
    active: int = Field(description="new + returning + resurrecting", examples=[100])
    running: bool = Field(description="whether the period has not ended")


class LifecycleAnswer(BaseModel):
    event: str
    granularity: Granularity
    known_from: str = Field(description="no visit before it is retained")
    periods: list[LifecycleStage] = Field(description="the earliest first")


class StateMembers(Members, AboutPeriod):
    event: str
    state: UserState


class StickinessAnswer(BaseModel):
    event: str
    granularity: Granularity
    from_: str = Field(serialization_alias="from")
    to: str
    periods: int = Field(examples=[28])
    users: Sequence[int] = Field(
        description="how many users were active in exactly 1, 2, 3 ... of the periods", examples=[[50, 20, 9]]
    )
    active: int = Field(description="users who were active in any of them", examples=[79])
    mean: float | None = Field(
        description="in how many of the periods they were active, on average", examples=[1.481]
    )


class Ratios(BaseModel):
    day: str = Field(examples=["2026-11-21"])
    dau: int = Field(description="users of the day", examples=[100])
    wau: int = Field(description="users of the 7 days that end with it", examples=[250])
    mau: int = Field(description="users of the 30 days that end with it", examples=[400])
    dau_wau: float | None = Field(description="dau / wau; null without users", examples=[0.4])
    dau_mau: float | None = Field(examples=[0.25])
    wau_mau: float | None = Field(examples=[0.625])
    mean_days: float | None = Field(
        description="on how many of the 30 days they were active, on average", examples=[7.5]
    )
    running: bool = Field(description="whether the day has not ended")


class RatiosAnswer(BaseModel):
    event: str
    days: list[Ratios] = Field(description="the earliest first")
