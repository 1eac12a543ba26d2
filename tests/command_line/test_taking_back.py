"""`donebit take-back`: counted first, asked about at a terminal, and then gone."""

from __future__ import annotations

from donebit import clock
from donebit.activity.periods.calendar import DAY
from tests.command_line.command import Donebit


def test_a_day_is_taken_back_and_said_in_words(donebit: Donebit, name: str) -> None:
    today, tomorrow = (f"{clock.now() + days * DAY:%Y-%m-%d}" for days in (0, 1))
    donebit("visit", name, "7", "8")

    taken = donebit("take-back", "--yes", name, today, tomorrow)
    again = donebit("take-back", name, today, tomorrow, "--json")  # a script is not asked

    assert taken.out == (
        f"took back 2 visits of 2 users to {name} in 1 day: 2 fewer in weeks, 2 in months, 2 ever\n"
    )
    assert again.json["users"] == 0
    assert donebit("count", name, "--json").json["count"] == 0


def test_days_that_cannot_be_taken_back_are_refused(donebit: Donebit, name: str) -> None:
    donebit("visit", name, "7")

    refused = donebit("take-back", "--yes", name, "2020-01-01", "2020-01-02")

    assert (refused.code, refused.out) == (3, "")
    assert "no longer kept" in refused.err
