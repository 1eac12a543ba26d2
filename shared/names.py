"""The one rule for names that users choose: task ids, events, jobs, labels."""

from __future__ import annotations

import re

from shared.errors import InvalidInput

NAME_PATTERN = r"^[A-Za-z0-9._-]{1,100}$"
NAME_RULE = "1 to 100 of A-Z a-z 0-9 . _ -"
_NAME = re.compile(NAME_PATTERN)


def is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None


def checked_name(value: str, field: str) -> str:
    """The name itself.

    Raises:
        InvalidInput: it is not 1 to 100 of A-Z a-z 0-9 . _ -
    """
    if not is_name(value):
        raise InvalidInput(f"{field} is {value[:120]!r}; it must be {NAME_RULE}", field=field)
    return value
