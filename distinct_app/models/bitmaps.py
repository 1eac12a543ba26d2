"""Requests and answers of the export and import of whole bitmaps."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, model_validator

from distinct_app.models.common import PeriodQuery
from donebit.activity.transfer.formats import Format
from donebit.errors import InvalidInput
from donebit.web.models import Request


class FormatQuery(Request):
    format: Format = Field(
        default=Format.RAW,
        description="raw bits, a roaring bitmap, or one user per line",
        json_schema_extra={"example": "roaring"},
    )


class BitmapQuery(PeriodQuery, FormatQuery):
    pass


class FlagImportQuery(Request):
    """The format of an import, which has no default: any file is the raw bitmap of some users, a CSV too."""

    format: Format = Field(
        description="raw bits, a roaring bitmap, or one user per line", json_schema_extra={"example": "raw"}
    )

    @model_validator(mode="before")
    @classmethod
    def _with_format(cls, given: Any) -> Any:
        if isinstance(given, dict) and "format" not in given:
            raise InvalidInput(
                "format is missing; it must be 'raw', 'roaring' or 'ids', as the bitmap is", field="format"
            )
        return given


class ImportQuery(PeriodQuery, FlagImportQuery):
    pass


class ImportAnswer(BaseModel):
    event: str
    period: str = Field(examples=["day"])
    name: str = Field(examples=["2026-11-21"])
    received: int = Field(description="users in the bitmap")
    fresh: int = Field(description="users that the period did not have before")


class FlagImportAnswer(BaseModel):
    flag: str
    count: int = Field(description="users who have the flag now")
