"""Numbers and durations as people read them."""

from __future__ import annotations

import pytest

from donebit.formatting import count_of, duration, number, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.0001, "1 ms"),
        (0.026, "26 ms"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7810, "2 h 10 min"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.04, "0.0"), (7.25, "7.2"), (8, "8"), (1234.5, "1,234")]
)
def test_a_number_has_a_decimal_below_ten_alone(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (12345, "12,345 steps")]
)
def test_an_amount_has_its_noun(amount: int, words: str) -> None:
    assert count_of(amount, "step") == words


def test_a_size_has_its_largest_unit_and_never_four_digits() -> None:
    sizes = {0: "0 B", 999: "999 B", 1000: "1.0 kB", 9960: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB"}
    sizes |= {1_500_000_000: "1.5 GB", 123_000_000_000_000: "123 TB", 4 * 10**15: "4000 TB"}

    assert {count: size(count) for count in sizes} == sizes
