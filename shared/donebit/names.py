"""The rule for names that users choose (task ids, events, jobs, labels), and two event names."""

from __future__ import annotations

import re
from collections.abc import Container

from donebit.errors import InvalidInput

# Not `.` or `..`, which every HTTP client takes for a step in a path. Without a lookahead, which the pattern
# of a JSON Schema may have and the engine that pydantic uses has not.
NAME_PATTERN = (
    r"^([A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
    r"|\.[A-Za-z0-9_-][A-Za-z0-9._-]{0,98}"
    r"|\.\.[A-Za-z0-9._-]{1,98})$"
)
NAME_RULE = "1 to 100 of A-Z a-z 0-9 . _ -, but not . or .."
STORED_NAME_PATTERN = r"^[A-Za-z0-9._-]{1,100}$"  # of what was named before `.` and `..` were refused
_NAME, _STORED_NAME = re.compile(NAME_PATTERN), re.compile(STORED_NAME_PATTERN)
EXAMPLE_EVENT = "distinct"  # what `/trigger/distinct` simulates and `/distinct` counts
SAMPLE_EVENT = "demo.visit"  # of the sample data
DEFAULT_KEY_PREFIX = "donebit:"  # of every key in Redis, unless KEY_PREFIX is set
_KEY_PREFIX = re.compile(r"[!-z|~]{1,100}")  # printable ASCII without braces and spaces


def is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


def checked_name(value: str, field: str) -> str:
    """Return a name that is valid.

    Raises:
        InvalidInput: it is not 1 to 100 of A-Z a-z 0-9 . _ -, or it is . or ..
    """
    if not isinstance(value, str):  # as callers of the client may give, whatever the annotation says
        raise InvalidInput(f"{field} is {value!r}; it must be a text of {NAME_RULE}", field=field)
    if not is_name(value):
        raise InvalidInput(f"{field} is {value[:120]!r}; it must be {NAME_RULE}", field=field)
    return value


def stored_name(value: str, field: str) -> str:
    """Return a name that something stored can have: `.` and `..` too, which were names once.

    Raises:
        InvalidInput: it is not 1 to 100 of A-Z a-z 0-9 . _ -
    """
    return value if _STORED_NAME.fullmatch(value) else checked_name(value, field)


def default_event(seen: Container[str]) -> str:
    """The event to show if none is given: that of the sample data if it has visits, else the example's."""
    return SAMPLE_EVENT if SAMPLE_EVENT in seen else EXAMPLE_EVENT


def checked_key_prefix(value: object) -> str:
    """Return a prefix that every key may have.

    Raises:
        ValueError: it is none, as a sentence that follows the name of a setting.
    """
    if not isinstance(value, str) or not _KEY_PREFIX.fullmatch(value):
        raise ValueError(
            f"must be 1 to 100 printable ASCII characters without spaces and braces; it is {value!r}"
        )
    return value
