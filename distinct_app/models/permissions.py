"""Requests and answers about permissions of objects."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from donebit.activity.permissions import MOST_PERMISSIONS
from donebit.web.models import Name, Request, StoredName, matching

LISTED = r"^[A-Za-z0-9._-]{1,100}(,[A-Za-z0-9._-]{1,100}){0,63}$"
LISTED_RULE = "1 to 64 names with commas between them, each 1 to 100 of A-Z a-z 0-9 . _ -"

Names = Annotated[list[Name], Field(max_length=MOST_PERMISSIONS, examples=[["read", "write"]])]
Listed = Annotated[
    str,
    matching(LISTED, LISTED_RULE),
    Field(json_schema_extra={"pattern": LISTED}, examples=["read,write"]),
]


class KindPath(Request):
    kind: Annotated[Name, Field(description="kind of the object", json_schema_extra={"example": "report"})]


class ObjectPath(KindPath):
    object: Annotated[
        Name, Field(description="name of the object", json_schema_extra={"example": "report-7.alice"})
    ]


class StoredObjectPath(Request):
    kind: Annotated[
        StoredName, Field(description="kind of the object", json_schema_extra={"example": "report"})
    ]
    object: Annotated[
        StoredName, Field(description="name of the object", json_schema_extra={"example": "report-7.alice"})
    ]


class PermissionPath(ObjectPath):
    permission: Annotated[
        Name, Field(description="name of the permission", json_schema_extra={"example": "read"})
    ]


class NamesBody(Request):
    """All names in the order of their bits; to add names, send the existing ones followed by the new ones."""

    model_config = ConfigDict(json_schema_extra={"example": {"permissions": ["read", "write", "share"]}})

    permissions: Annotated[Names, Field(min_length=1)]


class ReplaceBody(Request):
    """All permissions that the object is to have."""

    model_config = ConfigDict(json_schema_extra={"example": {"permissions": ["read"]}})

    permissions: Names


class ChangeBody(Request):
    """Permissions to grant and to revoke, atomically."""

    model_config = ConfigDict(json_schema_extra={"example": {"grant": ["write"], "revoke": ["share"]}})

    grant: Annotated[Names, Field(default_factory=list)]
    revoke: Annotated[Names, Field(default_factory=list, examples=[["share"]])]


class AllowedQuery(Request):
    all: Annotated[
        Listed | None,
        Field(
            description="check for all of these (comma-separated)",
            json_schema_extra={"example": "read,write"},
        ),
    ] = None
    any: Annotated[
        Listed | None,
        Field(
            description="check for any of these (comma-separated)",
            json_schema_extra={"example": "read,share"},
        ),
    ] = None


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
    changed: int = Field(description="how many permissions changed", examples=[2])


class AllowedAnswer(ObjectAnswer):
    allowed: bool | None = Field(description="null without `all` and `any`")
    missing: list[str] = Field(description="those of `all` that it does not have", examples=[["write"]])


class DroppedObject(BaseModel):
    kind: str = Field(examples=["report"])
    object: str = Field(examples=["report-7.alice"])
    dropped: bool = Field(description="whether it had any permission")
