"""Requests and answers about what is no longer to be known."""

from __future__ import annotations

from pydantic import BaseModel, Field

from distinct_app.models.common import Text
from donebit.web.models import Request


class ErasedPath(Request):
    user: Text


class ErasedAnswer(BaseModel):
    """What held the user, and does no more."""

    user: str = Field(examples=["7"])
    events: list[str] = Field(description="events that saw them", examples=[["seen"]])
    flags: list[str] = Field(description="flags they had", examples=[["newsletter"]])
    bitmaps: int = Field(description="bits cleared, one for each period and flag", examples=[6])
    numbers: int = Field(description="1 where a directory had numbered them, and does no more", examples=[0])


class ForgottenEvent(BaseModel):
    event: str = Field(examples=["seen"])
    forgotten: bool = Field(description="whether it was ever seen")
