"""Requests and answers of the export and import of whole bitmaps."""

from __future__ import annotations

from pydantic import BaseModel, Field

from distinct_app.models.common import PeriodQuery
from donebit.activity.transfer.formats import Format
from donebit.web.models import Request


class FormatQuery(Request):
    format: Format = Field(default=Format.RAW, description="raw bits, a roaring bitmap, or one user per line")


class BitmapQuery(PeriodQuery):
    format: Format = Field(default=Format.RAW, description="raw bits, a roaring bitmap, or one user per line")


class ImportAnswer(BaseModel):
    event: str
    period: str = Field(examples=["day"])
    name: str = Field(examples=["2026-11-21"])
    received: int = Field(description="users in the bitmap")
    fresh: int = Field(description="users that the period did not have before")


class FlagImportAnswer(BaseModel):
    flag: str
    count: int = Field(description="users who have the flag now")
