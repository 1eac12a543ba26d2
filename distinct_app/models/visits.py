"""Requests and answers about visits, the example's among them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from distinct_app.models.common import Moment, Users, WrittenUserId
from shared.web.models import Request


class VisitQuery(Request):
    userId: WrittenUserId  # noqa: N815 - the example project's name


class MaybeVisitQuery(Request):
    userId: WrittenUserId | None = None  # noqa: N815 - the same


class VisitsBody(Request):
    """Users who were here, integers or texts, at one moment."""

    users: Users
    at: Moment | None = None


class Distinct(BaseModel):
    distinct: int = Field(description="BITCOUNT", examples=[42])


class Visit(Distinct):
    fresh: bool = Field(description="whether this user is one more")


class MaybeVisit(Distinct):
    """What documents an answer that tells of a visit where there was one."""

    fresh: bool = Field(default=False, description="whether this user is one more; only with a user")


class Forgotten(BaseModel):
    distinct: int = Field(examples=[0])


class VisitsAnswer(BaseModel):
    event: str
    received: int = Field(examples=[3])
    fresh: int = Field(description="users not yet seen for this event in that day", examples=[2])
    at: str
