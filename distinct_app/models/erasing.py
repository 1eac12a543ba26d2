"""Requests and answers about the erasure of users and the deletion of events."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from distinct_app.models.common import Text
from donebit.web.models import Request


class ErasedPath(Request):
    user: Annotated[Text, Field(description="an integer or any text", json_schema_extra={"example": "7"})]


class ErasedAnswer(BaseModel):
    """What the user was removed from."""

    user: str = Field(examples=["7"])
    events: list[str] = Field(description="events that saw them", examples=[["seen"]])
    flags: list[str] = Field(description="flags they had", examples=[["newsletter"]])
    bitmaps: int = Field(description="bits cleared, one for each period and flag", examples=[6])
    numbers: int = Field(description="1 if a directory had a number for the user", examples=[0])


class ForgottenEvent(BaseModel):
    event: str = Field(examples=["seen"])
    forgotten: bool = Field(description="whether the event existed")
