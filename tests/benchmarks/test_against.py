"""The arithmetic of the comparison with an earlier build; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def rounds(figures: Iterable[float]) -> dict[int, float]:
    return dict(enumerate(figures))


def verdict(new: Mapping[int, float], old: Mapping[int, float]) -> str | None:
    found = interval(new, old)
    return found and found.verdict


def test_a_row_that_is_always_slower_has_its_whole_interval_above_1() -> None:
    old = [1.0, 1.1, 0.9, 1.05, 0.95] * 4

    assert verdict(rounds(2 * one for one in old), rounds(old)) == "SLOWER"
    assert verdict(rounds(one / 2 for one in old), rounds(old)) == "faster"
    assert verdict(rounds(reversed(old)), rounds(old)) == "same"


def test_a_row_that_is_missing_in_a_round_is_compared_by_the_other_rounds() -> None:
    old = rounds([1.0, 8.0, 1.1, 7.0, 0.9] * 4)  # the machine is busy in some rounds
    new = {number: 1.1 * seconds for number, seconds in old.items()}

    found = interval({number: new[number] for number in new if number != 0}, old)

    assert found == pytest.approx((1.1, 1.1, 1.1))
    assert interval(new, {number: old[number] for number in old if number > 17}) == pytest.approx(
        (1.1, 1.1, 1.1)
    )


def test_rows_that_no_round_of_both_has_are_not_compared() -> None:
    assert interval(rounds([1.0]), {}) is None
    assert interval({0: 1.0}, {1: 1.0}) is None
