"""fakeredis with the same answers, sooner.

It combines bitmaps byte by byte in Python, and a whole segment has 131,056; and it lists all global variables
of Lua at each command of a script, to find one that the script has made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import pytest
from fakeredis.commands_mixins import scripting_mixin
from fakeredis.commands_mixins.bitmap_mixin import BitmapCommandsMixin

COUNT_GLOBALS = "function() local n = 0; for _ in pairs(_G) do n = n + 1 end; return n end"

refuse_globals = scripting_mixin._check_for_lua_globals
count_globals = cache(lambda lua: lua.eval(COUNT_GLOBALS))


def combined(operation: Callable[[int, int], int], *keys: Any) -> bytes:
    """BITOP of the values of keys, each padded with zero bytes up to the longest."""
    values = [key.value or b"" for key in keys]
    longest = max(map(len, values))
    return reduce(operation, (int.from_bytes(value.ljust(longest, b"\0")) for value in values)).to_bytes(
        longest
    )


def digits(value: bytes) -> str:
    """The bits of a value, eight digits a byte."""
    return f"{int.from_bytes(value):0{8 * len(value)}b}" if value else ""


def refuse_more_globals(lua: Any, expected: set[Any]) -> None:
    if count_globals(lua)() != len(expected):
        refuse_globals(lua, expected)


def pytest_configure() -> None:
    quick = pytest.MonkeyPatch()
    quick.setattr(BitmapCommandsMixin, "_bitop", staticmethod(combined))
    quick.setattr(BitmapCommandsMixin, "_bytes_as_bin_string", staticmethod(digits))
    quick.setattr(scripting_mixin, "_check_for_lua_globals", refuse_more_globals)
