"""What the request models share: strict types, and no unknown fields."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Tag
from pydantic_core import PydanticCustomError

from donebit import moments
from donebit.names import NAME_PATTERN, NAME_RULE, STORED_NAME_PATTERN
from donebit.wording import EXPECTED, UNTOLD

DIGITS = re.compile(r"[0-9]{1,100}|-[1-9][0-9]{0,99}")


def expected(words: str) -> PydanticCustomError:
    """Make the error that a validator raises for a value that is not what `words` say."""
    return PydanticCustomError(EXPECTED, "{words}", {"words": words})


def untold(member: str) -> Tag:
    """Tag a member of a union, for a discriminator that answers `member_tag`; no message has the tag."""
    return Tag(member_tag(member))


def member_tag(member: str) -> str:
    """What the discriminator of a union answers where a value is for this member."""
    return UNTOLD + member


def matching(pattern: str, words: str) -> AfterValidator:
    """Make a validator that refuses a text not matching the whole pattern, with `words` for the reason."""
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if not whole.fullmatch(text):
            raise expected(words)
        return text

    return AfterValidator(check)


def _digits(value: object) -> object:
    # int() also takes "1_0", " 5", "+5" and the digits of every other script.
    if not isinstance(value, str) or not DIGITS.fullmatch(value):
        raise expected("an integer, written in at most 100 of the digits 0-9")
    return int(value)


def _truth(value: object) -> object:
    truth = (
        {"1": True, "true": True, "0": False, "false": False}.get(value) if isinstance(value, str) else None
    )
    if truth is None:
        raise expected("1, true, 0 or false")
    return truth


# Strict: in Python false is 0, and `"users": [false]` would be a visit of user 0.
Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
# An integer in a path or query, where all is text. Stands last: pydantic would document bounds after it
# in words of its own, which no JSON Schema knows.
WRITTEN = BeforeValidator(_digits)
WRITTEN_BOOLEAN = BeforeValidator(_truth)  # the same for a switch


def at_most(most: int, what: str = "how many", example: int = 50) -> Any:
    """Make the field of a page's size: 1 to `most` of what it lists."""
    return Field(ge=1, le=most, description=f"{what} at most", json_schema_extra={"example": example})


Name = Annotated[str, matching(NAME_PATTERN, NAME_RULE), Field(json_schema_extra={"pattern": NAME_PATTERN})]


# Of what is deleted: an older version took two names that are none now, and they must be able to go.
StoredName = Annotated[
    str, matching(STORED_NAME_PATTERN, NAME_RULE), Field(json_schema_extra={"pattern": NAME_PATTERN})
]


KEY = r"^[\x21-\x7e]{1,200}$"
IdempotencyKey = Annotated[
    str,
    matching(KEY, "1 to 200 of the visible characters of ASCII"),
    Field(json_schema_extra={"pattern": KEY}),
]


MOMENT_RULE = "a date or time, ISO 8601 and UTC, such as 2026-11-21 or 2026-11-21T03:04:05Z"


def checked_moment(text: str, rule: str = MOMENT_RULE) -> str:
    """The text, if it is a moment. Raises ValueError for any other."""
    try:
        moments.read_text(text)
    except ValueError:
        raise expected(rule) from None
    except OverflowError:
        pass  # the calendar refuses its year
    return text


Moment = Annotated[str, Field(json_schema_extra={"pattern": moments.PATTERN}), AfterValidator(checked_moment)]


ENTRY_ID = r"^[0-9]{1,19}-[0-9]{1,19}$"
EXAMPLE_ENTRY = "1795230245678-0"
ENTRY: dict[str, Any] = {"example": EXAMPLE_ENTRY, "pattern": ENTRY_ID}  # of its field in the document


def of_entry(what: str) -> AfterValidator:
    """Make a validator of the id that Redis gives an entry of a stream, such as `a line` of the log."""
    return matching(ENTRY_ID, f"the id of {what}, such as {EXAMPLE_ENTRY}")


class Request(BaseModel):
    """A part of a request; unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **named: Any) -> dict[str, Any]:
        """Return the JSON schema, from a cache if called without arguments; it must not be changed.

        flask-openapi3 calls it for every request, to see which parameters are lists: 150 of 400 us.
        """
        return super().model_json_schema(*args, **named) if args or named else _plain_schema(cls)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        """Validate the text itself: flask-openapi3 passes a JSON string here, to be parsed a second time."""
        return cls.model_validate(json_data)


class RequestHeaders(Request):
    """Headers that a route reads; a request has others."""

    model_config = ConfigDict(extra="ignore")


def key_header(description: str, example: str) -> Any:
    """A field for the Idempotency-Key, which may be left out."""
    return Field(
        default=None,
        alias="Idempotency-Key",
        description=description,
        json_schema_extra={"example": example},
    )


@cache
def _plain_schema(model: type[Request]) -> dict[str, Any]:
    return super(Request, model).model_json_schema()
