"""What the requests of distinct_app share: times, users, events and periods."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from donebit.activity.periods.calendar import Granularity
from donebit.activity.users.ids import LARGEST_ID, LONGEST_TEXT, UserKind
from donebit.moments import NUMBER, PATTERN, TimeUnit
from donebit.web.models import (
    MOMENT_RULE,
    WRITTEN,
    Integer,
    Name,
    Request,
    StoredName,
    checked_moment,
    expected,
    member_tag,
    untold,
)

MOST_USERS = 1_000_000
A_NUMBER = "a number such as 1763694245 or 1763694245.5"
VISIT_RULE = f"{MOMENT_RULE}; or with ?time_unit=s, ms, us or ns {A_NUMBER}, since 1970"


def _checked_visit_moment(written: object) -> str | float:
    # What a number means depends on the request's `time_unit`, which is not known here.
    if isinstance(written, int | float) and not isinstance(written, bool):
        return written
    if not isinstance(written, str):
        raise expected(VISIT_RULE)
    if NUMBER.fullmatch(written):
        return written
    return checked_moment(written, VISIT_RULE if _is_meant_as_number(written) else MOMENT_RULE)


def _is_meant_as_number(text: str) -> bool:
    # As 1e9 and +5 are; the rule of numbers would puzzle who has written a date.
    try:
        float(text)
    except ValueError:
        return False
    return True


Moment = Annotated[
    str,
    Field(
        json_schema_extra={"pattern": PATTERN},
        description="ISO 8601, UTC; a date is a day of the site's zone; defaults to now",
        examples=["2026-11-21"],
    ),
    AfterValidator(checked_moment),
]
VisitMoment = Annotated[
    str | float,
    # Not a union's own validation: it would report a wrong value once for each kind.
    PlainValidator(_checked_visit_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number"}]}),
    Field(
        description="ISO 8601, UTC; a date is a day of the site; with `time_unit`, a number since 1970",
        examples=["2026-11-21"],
    ),
]
UserId = Annotated[Integer, Field(ge=0, le=LARGEST_ID)]
WrittenUserId = Annotated[int, Field(ge=0, le=LARGEST_ID), WRITTEN]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


def _one_kind(users: Any) -> Any:
    # One message here, as otherwise there would be one for each element of the other kind.
    if isinstance(users, list) and len({isinstance(user, str) for user in users}) > 1:
        raise expected("all integers or all texts, not both")
    return users


def kind_tag(user: Any) -> str:
    """The tag of a user's kind in a union of both."""
    return member_tag(UserKind.TEXTS if isinstance(user, str) else UserKind.INTEGERS)


def _kind(users: Any) -> str:
    # A plain union would report every bad element twice, once for each kind.
    return kind_tag(users[0] if isinstance(users, list) and users else None)


# It stops at the first error: one takes 1.5 kB, and a body may have a million.
Size = Field(min_length=1, max_length=MOST_USERS, fail_fast=True)
Users = Annotated[
    Annotated[list[UserId], Size, untold(UserKind.INTEGERS)]
    | Annotated[list[Text], Size, untold(UserKind.TEXTS)],
    Discriminator(_kind),
    BeforeValidator(_one_kind),
    Field(examples=[[7, 8, 8]]),
]


class EventPath(Request):
    event: Annotated[Name, Field(description="name of the event", json_schema_extra={"example": "active"})]


class StoredEventPath(Request):
    event: Annotated[
        StoredName, Field(description="name of the event", json_schema_extra={"example": "active"})
    ]


class AtQuery(Request):
    at: Moment | None = Field(
        default=None,
        description="ISO 8601, UTC; a date is a day of the site's zone; by default now",
        json_schema_extra={"example": "2026-11-21"},
    )


class VisitTimeQuery(Request):
    """How the times of visits are written."""

    time_unit: TimeUnit | None = Field(
        default=None,
        description="times are numbers of these units since 1970; by default they are ISO 8601",
        json_schema_extra={"example": "s"},
    )


class PeriodQuery(AtQuery):
    period: Granularity = Field(
        default=Granularity.ALL,
        description="the period that holds `at`; `at` alone is refused",
        json_schema_extra={"example": "day"},
    )


class SpanQuery(PeriodQuery):
    """A period, or a span of days or hours instead of it."""

    from_: Moment | None = Field(
        default=None,
        alias="from",
        description="instead of period and at: the start, a day of the site or a whole hour",
        json_schema_extra={"example": "2026-11-16"},
    )
    to: Moment | None = Field(
        default=None,
        description="the end, exclusive, with from; by default the end of today",
        json_schema_extra={"example": "2026-11-21"},
    )


class IdsQuery(Request):
    """A range of ids; only users in it are counted."""

    first: WrittenUserId | None = Field(
        default=None, description="only ids from this one on", json_schema_extra={"example": 0}
    )
    last: Annotated[int, Field(ge=1, le=LARGEST_ID + 1), WRITTEN] | None = Field(
        default=None, description="only ids below this one", json_schema_extra={"example": 1000}
    )


class CountQuery(SpanQuery, IdsQuery):
    pass


class InPeriod(BaseModel):
    """The period of an answer; `from` and `to` are half open, and null for all time."""

    event: str
    period: str = Field(description="its granularity, or `range` for a span", examples=["day"])
    from_: str | None = Field(serialization_alias="from")
    to: str | None
