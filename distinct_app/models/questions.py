"""Requests and answers of the questions about one event."""

from __future__ import annotations

from pydantic import Field

from distinct_app.models.common import EventPath, InPeriod, SpanQuery, Text


class UserPath(EventPath):
    user: Text


class UserQuery(SpanQuery):
    user: Text


class CountAnswer(InPeriod):
    count: int = Field(description="distinct users", examples=[42])


class PresenceAnswer(InPeriod):
    user: int | str
    present: bool
