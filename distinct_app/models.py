"""The requests and answers of distinct_app."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag

from shared.activity.periods import Granularity
from shared.activity.users import LARGEST_ID, LONGEST_TEXT, Kind
from shared.web.models import Integer, Name, Request

MOST_USERS = 1_000_000
MOMENT = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d:?\d\d)?)?$"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _checked_moment(text: str) -> str:
    try:
        _moment(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"Input should be a date or time, ISO 8601 and UTC ({error})") from None
    return text


Moment = Annotated[
    str,
    Field(pattern=MOMENT, description="ISO 8601, UTC; now when left out"),
    AfterValidator(_checked_moment),
]
UserId = Annotated[Integer, Field(ge=0, le=LARGEST_ID)]


def _one_kind(users: Any) -> Any:
    # Told here in one sentence; of a list that begins as one kind every other element would be told.
    if isinstance(users, list) and len({isinstance(user, str) for user in users}) > 1:
        raise ValueError("Input should hold integers or texts, not both")
    return users


def _kind(users: Any) -> Kind:
    # A plain union would tell of every bad element twice, once for each kind.
    return Kind.TEXTS if isinstance(users, list) and users and isinstance(users[0], str) else Kind.INTEGERS


TextId = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Size = Field(min_length=1, max_length=MOST_USERS)
Users = Annotated[
    Annotated[list[UserId], Size, Tag(Kind.INTEGERS)] | Annotated[list[TextId], Size, Tag(Kind.TEXTS)],
    Discriminator(_kind),
    BeforeValidator(_one_kind),
    Field(examples=[[7, 8, 8]]),
]


def moment(text: str | None, now: datetime) -> datetime:
    return now if text is None else _moment(text)


class EventPath(Request):
    event: Name


class UserPath(EventPath):
    user: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class VisitQuery(Request):
    userId: UserId  # noqa: N815 - the example project's name


class MaybeVisitQuery(Request):
    userId: UserId | None = None  # noqa: N815 - the same


class AtQuery(Request):
    at: Moment | None = None


class PeriodQuery(AtQuery):
    period: Granularity = Granularity.ALL


class UserQuery(PeriodQuery):
    user: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class VisitsBody(Request):
    """Users who were here, integers or texts, at one moment."""

    users: Users
    at: Moment | None = None


class Distinct(BaseModel):
    distinct: int = Field(description="BITCOUNT", examples=[42])


class Visit(Distinct):
    fresh: bool = Field(description="whether this user is one more")


class Forgotten(BaseModel):
    distinct: int = Field(examples=[0])


class VisitsAnswer(BaseModel):
    event: str
    received: int = Field(examples=[3])
    fresh: int = Field(description="users not yet seen for this event in that day", examples=[2])
    at: str


class CountAnswer(BaseModel):
    """`from` and `to` are half open, and null for all time."""

    event: str
    count: int
    period: str
    from_: str | None = Field(serialization_alias="from")
    to: str | None


class PresenceAnswer(BaseModel):
    event: str
    user: int | str
    present: bool
    period: str
    from_: str | None = Field(serialization_alias="from")
    to: str | None
