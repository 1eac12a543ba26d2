"""The arithmetic of the benchmarks: the measuring itself is not a matter of tests."""

from __future__ import annotations

import pytest

from benchmarks.figures import bounded, compared, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(23.6e-9, "23.6 ns"), (34.7e-6, "34.7 us"), (999.6e-6, "1 ms"), (0.412, "412 ms"), (14.4, "14.4 s")],
)
def test_a_duration_has_three_figures_and_a_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("measured", "holds"), [(1.3, True), (1.31, False)])
def test_a_bound_holds_up_to_itself(measured: float, holds: bool) -> None:
    assert compared("a", measured, "b", 1.0, at_most=1.3).holds is holds
    assert bounded("a", measured, at_most=1.3).holds is holds


@pytest.mark.parametrize(("measured", "text"), [(2.0, "2.00x"), (0.5, "0.50x"), (0.01, "1/100")])
def test_what_is_much_less_is_told_as_a_fraction(measured: float, text: str) -> None:
    assert compared("a", measured, "b", 1.0).ratio == text
