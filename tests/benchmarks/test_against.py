"""The arithmetic of the comparison with an earlier build; nothing is measured here."""

from __future__ import annotations

import pytest

from benchmarks.against import interval, rows_of, seconds_of

PRINTED = """
| what                     | measured  | against          | ratio | bound | holds |
| ------------------------ | --------- | ---------------- | ----- | ----- | ----- |
| one completion           | 99.6 us   | 87.3 us (SETBIT) | 1.14x | 1.30x | yes   |
| packed dense             | 48.0 M/s  |                  |       |       |       |
| connections more         | 0         |                  |       |       |       |
"""


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("23.6 ns", 23.6e-9), ("99.6 us", 99.6e-6), ("1.5 s", 1.5), ("2,668/s", 1 / 2668), ("48 M/s", 1 / 48e6)],
)
def test_a_figure_is_seconds_and_a_rate_the_seconds_of_one(cell: str, seconds: float) -> None:
    assert seconds_of(cell) == pytest.approx(seconds)


def test_rows_without_a_duration_or_a_rate_are_left_out() -> None:
    assert rows_of(PRINTED) == {
        "one completion": pytest.approx(99.6e-6),
        "packed dense": pytest.approx(1 / 48e6),
    }


def test_a_row_that_is_always_slower_has_its_whole_interval_above_1() -> None:
    old = [1.0, 1.1, 0.9, 1.05, 0.95] * 4

    assert interval([2 * one for one in old], old).verdict == "SLOWER"
    assert interval([one / 2 for one in old], old).verdict == "faster"
    assert interval(list(reversed(old)), old).verdict == "same"
