"""Sentences that say what is wrong with one value that was sent, naming it and its bound."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

from pydantic_core import ErrorDetails

EXPECTED = "expected"  # the type of an error whose message says what must be there
UNTOLD = "\0"  # begins the tag of a union's member, which pydantic puts into the path of a value
LONGEST_QUOTE = 120  # characters of a refused value that an answer gives back

# Stops at a depth and a length: repr itself would fall over a deeply nested value, and write a long one
# out in full before it is cut.
QUOTE = reprlib.Repr()
QUOTE.maxstring = QUOTE.maxother = QUOTE.maxlong = LONGEST_QUOTE

# By pydantic's types of error; the bounds come from the error's context.
BOUNDS = {
    EXPECTED: "be {words}",
    "greater_than_equal": "be at least {ge}",
    "less_than_equal": "be at most {le}",
    "finite_number": "be a finite number",
    "bool_type": "be true or false",
    "int_type": "be an integer",
    "int_from_float": "be an integer",
    "float_type": "be a number",
    "string_type": "be a text",
    "string_unicode": "be a text of Unicode characters",
    "list_type": "be a list",
    "tuple_type": "be a list",
    "dict_type": "be an object",
    "model_type": "be an object",
    "literal_error": "be {expected}",
    "enum": "be {expected}",
    "string_too_short": "have at least {min_length} character(s)",
    "string_too_long": "have at most {max_length} characters",
    "too_short": "have at least {min_length} item(s)",
    "too_long": "have at most {max_length} items",
}


def path(places: Sequence[str | int]) -> str:
    """The path of a value, such as `then.count`, as pydantic's `loc` has it but for the tags of unions."""
    return ".".join(str(place) for place in places if not str(place).startswith(UNTOLD))


def sentence(field: str, error: ErrorDetails) -> str:
    """Describe a validation error, as in `count is -1; it must be 0 to 10000000`.

    Args:
        field: its path, such as `then.count`
        error: as pydantic reports it
    """
    if error["type"] == "missing":
        return f"{field} is missing"
    if error["type"] == "extra_forbidden":
        return f"unknown field: {field}"
    value = quoted(error["input"])
    kind = error["type"]
    if kind == "too_long" and isinstance(error["input"], str):  # of a text that has a check of its own
        kind = "string_too_long"
    if bound := BOUNDS.get(kind):
        return f"{field} is {value}; it must {bound.format_map(error.get('ctx', {}))}"
    return f"{field} is {value}; {error['msg']}"


def quoted(value: object) -> str:
    """Quote a value as Python writes it, bytes as a text; cut where it is long or deeply nested."""
    if isinstance(value, bytes):
        value = value[: LONGEST_QUOTE + 1].decode(errors="replace")
    return QUOTE.repr(value)[: LONGEST_QUOTE + 3]
