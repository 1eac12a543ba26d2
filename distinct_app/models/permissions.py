"""Requests and answers about permissions of objects."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from donebit.activity.permissions import MOST_PERMISSIONS
from donebit.web.models import Name, Request, matching

LISTED = r"^[A-Za-z0-9._-]{1,100}(,[A-Za-z0-9._-]{1,100}){0,63}$"
LISTED_RULE = "1 to 64 names with commas between them, each 1 to 100 of A-Z a-z 0-9 . _ -"

Names = Annotated[list[Name], Field(max_length=MOST_PERMISSIONS, examples=[["read", "write"]])]
Listed = Annotated[
    str,
    matching(LISTED, LISTED_RULE),
    Field(json_schema_extra={"pattern": LISTED}, examples=["read,write"]),
]


class KindPath(Request):
    kind: Name


class ObjectPath(KindPath):
    object: Name


class PermissionPath(ObjectPath):
    permission: Name


class NamesBody(Request):
    """What the bits permit, the first name bit 0; to add some, all of them again with the new ones behind."""

    permissions: Annotated[Names, Field(min_length=1)]


class ReplaceBody(Request):
    """All that the object shall permit."""

    permissions: Names


class ChangeBody(Request):
    """Permissions to set and to clear, in one act."""

    grant: Annotated[Names, Field(default_factory=list)]
    revoke: Annotated[Names, Field(default_factory=list, examples=[["delete"]])]


class AllowedQuery(Request):
    all: Annotated[Listed | None, Field(description="every one of these, with commas between")] = None
    any: Annotated[Listed | None, Field(description="at least one of these")] = None


class KindAnswer(BaseModel):
    kind: str = Field(examples=["report"])
    permissions: list[str] = Field(
        description="in the order of their bits; empty for a kind never named", examples=[["read", "write"]]
    )


class ObjectAnswer(BaseModel):
    kind: str = Field(examples=["report"])
    object: str = Field(examples=["report-7.alice"])
    permissions: list[str] = Field(
        description="those it has, in the order of their bits", examples=[["read", "write"]]
    )


class ChangedAnswer(ObjectAnswer):
    changed: int = Field(description="how many were not so before", examples=[2])


class AllowedAnswer(ObjectAnswer):
    allowed: bool | None = Field(description="null where nothing was asked")
    missing: list[str] = Field(description="those of `all` that it does not have", examples=[["write"]])


class DroppedObject(BaseModel):
    kind: str = Field(examples=["report"])
    object: str = Field(examples=["report-7.alice"])
    dropped: bool = Field(description="whether it had any permission")
