"""Requests and answers about flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from distinct_app.models.common import InPeriod, PeriodQuery, Text, Users
from donebit.activity.users.ids import LARGEST_ID, UserKind
from donebit.web.models import WRITTEN, Integer, Name, Request, StoredName

MOST_RANGES = 100_000  # a body
MOST_MEMBERS = 10_000  # a page
MOST_FLAGS = 1000  # a page


class FlagPath(Request):
    flag: Annotated[Name, Field(description="name of the flag", json_schema_extra={"example": "newsletter"})]


class StoredFlagPath(Request):
    flag: Annotated[
        StoredName, Field(description="name of the flag", json_schema_extra={"example": "newsletter"})
    ]


class FlaggedPath(FlagPath):
    user: Annotated[Text, Field(description="an integer or a text", json_schema_extra={"example": "7"})]


Ranges = Annotated[
    list[
        tuple[
            Annotated[Integer, Field(ge=0, le=LARGEST_ID)], Annotated[Integer, Field(ge=1, le=LARGEST_ID + 1)]
        ]
    ],
    Field(
        max_length=MOST_RANGES,
        fail_fast=True,
        examples=[[[100, 200]]],
        description="half open; integers only",
    ),
]


class FlagBody(Request):
    """Users, integers or texts, and ranges of integers."""

    model_config = ConfigDict(json_schema_extra={"example": {"users": [7, 9], "ranges": [[100, 200]]}})

    users: Users | None = None
    ranges: Ranges | None = None


class MaybeUserQuery(Request):
    user: Annotated[
        Text | None,
        Field(
            description="a single user, any text, instead of a body",
            json_schema_extra={"example": "ada@example.org"},
        ),
    ] = None


After = Annotated[
    int,
    Field(ge=-1, le=LARGEST_ID, description="`next` of the previous page", json_schema_extra={"example": 7}),
    WRITTEN,
]
MembersLimit = Annotated[
    int,
    Field(ge=1, le=MOST_MEMBERS, description="users of a page", json_schema_extra={"example": 1000}),
    WRITTEN,
]


class MembersQuery(Request):
    after: After = -1
    limit: MembersLimit = 100
    user: Annotated[
        Text | None,
        Field(
            description="check whether this user, any text, has the flag instead",
            json_schema_extra={"example": "ada@example.org"},
        ),
    ] = None


class AbsenceQuery(PeriodQuery):
    event: Annotated[Name, Field(description="name of the event", json_schema_extra={"example": "active"})]
    after: After = -1
    limit: MembersLimit = 100


class FlagsQuery(Request):
    after: Annotated[
        Name | None,
        Field(description="`next` of the previous page", json_schema_extra={"example": "newsletter"}),
    ] = None
    limit: Annotated[
        int,
        Field(ge=1, le=MOST_FLAGS, description="flags of a page", json_schema_extra={"example": 1000}),
        WRITTEN,
    ] = 100


class FlagAnswer(BaseModel):
    flag: str = Field(examples=["newsletter"])


class FlagStatus(FlagAnswer):
    user: int | str = Field(examples=[7])
    present: bool = Field(description="whether the user has the flag")


class SetAnswer(FlagStatus):
    fresh: bool = Field(description="whether the user did not have it before")


class ClearAnswer(FlagStatus):
    cleared: bool = Field(description="whether the user had it before")


class BulkSet(FlagAnswer):
    received: int = Field(description="users named, those of ranges included", examples=[103])
    fresh: int = Field(description="users who did not have it before", examples=[101])


class BulkCleared(FlagAnswer):
    received: int = Field(description="users named, those of ranges included", examples=[103])
    cleared: int = Field(description="users who had it before", examples=[101])


class FlagCount(FlagAnswer):
    kind: UserKind | None = Field(description="the kind of its users; null for a flag never set")
    count: int = Field(description="users who have the flag", examples=[42])


class FlagList(BaseModel):
    flags: list[FlagCount] = Field(description="by name")
    next: str | None = Field(description="`after` for the next page; null on the last")


class Dropped(FlagAnswer):
    dropped: bool = Field(description="whether the flag existed")


class Members(BaseModel):
    users: Sequence[int | str] = Field(
        description="ascending; texts in the order of their first visit or flag", examples=[[7, 8]]
    )
    next: int | None = Field(description="`after` for the next page; null on the last")


class FlagMembers(Members, FlagAnswer):
    pass


class MembersOrPresence(FlagAnswer):
    """The documentation of an answer that lists users, or with `user` says whether that one has the flag."""

    users: Sequence[int | str] = Field(default=(), description="only without a user")
    next: int | None = Field(default=None, description="`after` for the next page; null on the last")
    user: str = Field(default="", description="only with a user")
    present: bool = Field(default=False, description="whether this user has it; only with a user")


class MissingAnswer(Members, InPeriod, FlagAnswer):
    """The users of the roster, which is the flag, who were absent."""

    count: int = Field(description="users who were absent", examples=[999])
    first: int | str | None = Field(description="the first user who was absent", examples=[0])
