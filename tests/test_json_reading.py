"""JSON is read strictly: a line of it is UTF-8, whatever its bytes look like."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from donebit.errors import InvalidInput
from donebit.json_reading import read_json, read_json_line, refuse_nested

WRONG = {
    "NUL after": b"8\0",
    "NUL before": b"\0008",
    "UTF-16": "7".encode("utf-16"),
    "UTF-32": "7".encode("utf-32-le"),
    "Latin-1": b'"\xfc"',
    "half a character": b'"\xed\xa0\x80"',
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_a_line_that_is_not_utf_8_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"decode|Extra data|Expecting|control character"):
        read_json_line(line)


@pytest.mark.parametrize("line", [b"7", b"\xef\xbb\xbf7", b" 7 \r"])
def test_a_mark_and_blanks_around_a_value_are_passed_over(line: bytes) -> None:
    assert read_json_line(line) == 7


@pytest.mark.parametrize("number", ["1e400", "-1.5E999", "9" * 400 + ".5"])
def test_a_number_that_no_float_can_be_is_named(number: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_json(f'{{"a": [1.5, 1e-400, {number}]}}')

    assert refused.value.detail == f"{number[:120]} is out of range; a number must be within ±1.8e+308"
    assert math.isinf(read_json(number, any_number=True))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_python_takes_for_a_number_is_no_json(constant: str) -> None:
    with pytest.raises(ValueError, match=f"^{constant} is no JSON number$"):
        read_json(f"[{constant}]")


@pytest.mark.parametrize("around", [lambda x: [0, x], lambda x: {"a": x, "b": "{"}, lambda x: (x,)])
def test_values_nested_on_more_levels_than_all_can_read_are_refused(
    around: Callable[[object], object],
) -> None:
    value: object = "["
    for _ in range(150):
        value = around(value)
    refuse_nested([7, value, "[" * 200], json.dumps([7, value, "[" * 200]))

    with pytest.raises(ValueError, match="on more than 150 levels"):
        refuse_nested([7, around(value)], json.dumps([7, around(value)]))
