"""Requests and answers about the number and presence of an event's users."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from distinct_app.models.common import EventPath, InPeriod, SpanQuery, Text


class UserPath(EventPath):
    user: Annotated[Text, Field(description="an integer or a text", json_schema_extra={"example": "7"})]


class UserQuery(SpanQuery):
    user: Annotated[Text, Field(description="any text", json_schema_extra={"example": "ada@example.org"})]


class EventCount(BaseModel):
    event: str
    count: int = Field(description="distinct users", examples=[42])


class Found(BaseModel):
    event: str
    user: int | str
    present: bool


# An answer has the fields of the last base first, so the count comes before the period.
class CountAnswer(InPeriod, EventCount):
    """The number of distinct users."""


class PresenceAnswer(InPeriod, Found):
    """Whether a user was active."""
