"""Requests and answers of the export and import of whole bitmaps."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from distinct_app.models.common import PeriodQuery
from distinct_app.models.visits import Ids
from donebit.activity.transfer.formats import Format
from donebit.activity.users.ids import UserKind
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
    ids: Ids | None = Field(
        default=None,
        description="with format=ids: how the users are held, if not as what holds users already does",
        json_schema_extra={"example": "integers"},
    )

    @model_validator(mode="before")
    @classmethod
    def _with_format(cls, given: Any) -> Any:
        if isinstance(given, dict) and "format" not in given:
            raise InvalidInput(
                "format is missing; it must be 'raw', 'roaring' or 'ids', as the bitmap is", field="format"
            )
        return given

    @model_validator(mode="after")
    def _bits_are_integers(self) -> Self:
        if self.format is not Format.IDS and self.ids not in (None, UserKind.INTEGERS):
            raise InvalidInput(f"ids is {self.ids}, and bits are integers: format must be ids", field="ids")
        return self


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
