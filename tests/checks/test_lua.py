"""The check of the Lua scripts finds what a server would find only when the script runs there."""

from __future__ import annotations

import pytest

from checks.lua import problems_of


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("local a = 1\nreturn KEY[a]", "KEY is no local"),
        ("local function f(x) y = x end\nreturn f(1)", "y is no local"),
        ("local a, b = 1, 2\nreturn a", "b is never used"),
        ("local a = ", "syntax"),
    ],
)
def test_a_mistake_in_a_script_is_named(source: str, problem: str) -> None:
    assert [found for found in problems_of(source) if problem in found]


def test_fields_loops_and_functions_are_no_mistakes() -> None:
    source = """
    local found = {count = 0}
    for _, step in ipairs(ARGV) do found.count = found.count + tonumber(step) end
    for i = 1, 2 do redis.call('SETBIT', KEYS[1], i, 1) end
    local function double(x) return 2 * x end
    return double(found.count)
    """

    assert problems_of(source) == []
