"""Requests and answers about visits, including those of the example project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field

from distinct_app.models.common import (
    Text,
    UserId,
    Users,
    VisitMoment,
    VisitTimeQuery,
    WrittenUserId,
    kind_tag,
)
from donebit.activity.users.ids import User, UserKind
from donebit.web.models import WRITTEN_BOOLEAN, Name, Request, expected, untold


class VisitQuery(Request):
    userId: Annotated[WrittenUserId, Field(description="the visitor", json_schema_extra={"example": 7})]  # noqa: N815 - the example project's name


class MaybeVisitQuery(Request):
    userId: WrittenUserId | None = Field(  # noqa: N815 - the same
        default=None, description="record a visit of this user first", json_schema_extra={"example": 7}
    )


MOST_VISITS = 1000


OneUser = Annotated[
    Annotated[UserId, untold(UserKind.INTEGERS)] | Annotated[Text, untold(UserKind.TEXTS)],
    Discriminator(kind_tag),
]

Ids = Annotated[
    UserKind,
    Field(
        description="how the ids are held; `mapped` at an event's first visit numbers sparse integers "
        "densely; by default as the event holds them",
        examples=[UserKind.MAPPED],
    ),
]


class VisitsBody(Request):
    """Users, integers or texts, who visited at one moment."""

    model_config = ConfigDict(json_schema_extra={"example": {"users": [7, 8, 8]}})

    users: Users
    at: VisitMoment | None = None
    ids: Ids | None = None


class VisitLine(Request):
    """One visit, as a line of NDJSON."""

    user: OneUser
    at: VisitMoment | None = None
    ids: Ids | None = None


class VisitsLine(VisitLine):
    """One visit to any event, as a line of NDJSON."""

    event: Name


def _users_or_user(visit: Any) -> Any:
    if isinstance(visit, dict) and (visit.get("users") is None) == (visit.get("user") is None):
        raise expected("an object with either `users` or `user`")
    return visit


class VisitsToEvent(Request):
    """Users, or one user, who visited an event at one moment."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["users"]}, {"required": ["user"]}]},
    )

    event: Name
    users: Users | None = None
    user: OneUser | None = None
    at: VisitMoment | None = None
    ids: Ids | None = None

    @property
    def named(self) -> Sequence[User]:
        """The users of the visit; none if neither `users` nor `user` is given."""
        if self.users is not None:
            return self.users
        return [] if self.user is None else [self.user]


EXAMPLE: list[Any] = [
    {"event": "read", "users": [7, 8], "at": "2026-11-21T03:04:05Z"},
    {"event": "bought", "user": "0194f2a1-7c3e-7b52-9d06-5f4e3a2b1c00"},
]


class ManyVisits(Request):
    """Visits to several events, at several times."""

    model_config = ConfigDict(json_schema_extra={"example": {"visits": EXAMPLE}})

    visits: Annotated[
        list[Annotated[VisitsToEvent, BeforeValidator(_users_or_user)]],
        Field(min_length=1, max_length=MOST_VISITS),
    ] = Field(examples=[EXAMPLE])


class DayAnswer(BaseModel):
    event: str
    day: str = Field(description="a day of the site's zone", examples=["2026-11-21"])
    received: int = Field(examples=[3])
    fresh: int = Field(description="users not yet seen for this event in that day", examples=[2])


class BadLine(BaseModel):
    """A line that was skipped."""

    line: int = Field(description="its number in the body, from 1", examples=[2])
    detail: str = Field(description="why", examples=["user is -1; it must be at least 0"])


class SkippedLines(BaseModel):
    """What an answer says about lines that were skipped; nothing where none may be."""

    skipped: int | None = Field(
        default=None, description="how many bad lines were skipped, with `skip_bad`", examples=[1]
    )
    bad_lines: list[BadLine] | None = Field(default=None, description="the first 20 of them")


class ManyVisitsAnswer(SkippedLines):
    received: int = Field(examples=[3])
    fresh: int = Field(description="the sum over the days", examples=[2])
    days: list[DayAnswer] = Field(description="one for each event and day")


class RecordQuery(VisitTimeQuery):
    at: VisitMoment | None = Field(
        default=None,
        description="of every visit, in place of a time in the body; ISO 8601, UTC; by default now",
        json_schema_extra={"example": "2026-11-21"},
    )
    ids: Ids | None = Field(
        default=None,
        description="how the users are held; by default as the event holds them",
        json_schema_extra={"example": "integers"},
    )
    skip_bad: Annotated[
        bool,
        WRITTEN_BOOLEAN,
        Field(
            description="`1`: record the good lines of NDJSON, and name the bad ones in the answer",
            json_schema_extra={"example": True},
        ),
    ] = False


class Distinct(BaseModel):
    distinct: int = Field(description="BITCOUNT", examples=[42])


class Visit(Distinct):
    fresh: bool = Field(description="whether the user was never seen before")


class MaybeVisit(Distinct):
    """The documentation of an answer that has `fresh` only if a visit was recorded."""

    fresh: bool = Field(default=False, description="whether the user was never seen before; only with a user")


class Forgotten(BaseModel):
    distinct: int = Field(examples=[0])


class VisitsAnswer(SkippedLines):
    event: str
    received: int = Field(examples=[3])
    fresh: int = Field(description="users not yet seen for this event in that day", examples=[2])
    at: str
