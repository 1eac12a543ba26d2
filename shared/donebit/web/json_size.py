"""Refuses JSON that would take far more memory than its text: `[],` is 3 bytes, and 64 as an object.

The counts are exact only where a quick look at the text, strings included, is above the limit.
"""

from __future__ import annotations

import re

from donebit.errors import InvalidInput

# What no route takes more of. Each is far below what would take 20 MB beside three times the text.
MOST_VALUES = 1_010_000  # a million users
MOST_MEMBERS = 60_000  # named values of objects: 10,000 steps with what they returned, or 1000 visits
MOST_NESTED = 110_000  # lists and objects: 100,000 ranges

TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"(\s*+:)?|([\[{])|,', re.DOTALL)


def refuse_large(text: bytes) -> None:
    """Refuse JSON with more values than any route takes, before it is read.

    Raises:
        InvalidInput: it has more; the error says of what.
    """
    nested = text.count(b"[") + text.count(b"{")
    if text.count(b",") <= MOST_VALUES and text.count(b":") <= MOST_MEMBERS and nested <= MOST_NESTED:
        return
    values = members = nested = 0
    for token in TOKENS.finditer(text):
        members += token.start(1) >= 0
        nested += token.start(2) >= 0
        values += token.group() == b","
        _refuse("values", values, MOST_VALUES)
        _refuse("named values in objects", members, MOST_MEMBERS)
        _refuse("lists and objects", nested, MOST_NESTED)


def _refuse(what: str, number: int, most: int) -> None:
    if number > most:
        raise InvalidInput(f"the body has more than {most} {what}; send it in several requests", field="body")
