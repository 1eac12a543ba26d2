"""Requests and answers of the questions about one event."""

from __future__ import annotations

from pydantic import BaseModel, Field

from distinct_app.models.common import EventPath, InPeriod, SpanQuery, Text


class UserPath(EventPath):
    user: Text


class UserQuery(SpanQuery):
    user: Text


class EventCount(BaseModel):
    event: str
    count: int = Field(description="distinct users", examples=[42])


class Found(BaseModel):
    event: str
    user: int | str
    present: bool


# The bases' fields stand in an answer from the last base to the first: what was asked before the period.
class CountAnswer(InPeriod, EventCount):
    """How many users."""


class PresenceAnswer(InPeriod, Found):
    """Whether a user was here."""
