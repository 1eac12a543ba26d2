"""`visit` and `count`, against real services."""

from __future__ import annotations

import pytest

from tests.activity.arranged import DAY_AFTER, PAST_DAY
from tests.command_line.command import Donebit


def test_visits_are_recorded_and_new_users_counted(donebit: Donebit, name: str) -> None:
    first = donebit("visit", name, 7, 8, 8)
    second = donebit("visit", name, 8, 9, "--json")

    assert first.code == 0
    assert first.out.startswith(f"3 visits of {name} at ")
    assert first.out.endswith(", 2 new users that day\n")
    assert (second.json["received"], second.json["fresh"]) == (2, 1)


def test_users_are_counted_in_a_period(donebit: Donebit, name: str) -> None:
    donebit("visit", name, 7, 8, "--at", f"{PAST_DAY}T13:30:00Z")
    donebit("visit", name, 9)

    day = donebit("count", name, "--period", "day", "--at", PAST_DAY)

    bounds = f"in the day from {PAST_DAY}T00:00:00Z to {DAY_AFTER}T00:00:00Z"
    assert day.out == f"2 distinct users of {name} {bounds}\n"
    assert donebit("count", name).out == f"3 distinct users of {name} in all time\n"
    assert donebit("count", name, "--period", "day", "--at", PAST_DAY, "--json").json["count"] == 2


@pytest.mark.parametrize(
    ("users", "ids", "kind"),
    [
        (("7", "8"), "auto", "integers"),
        (("7", "ada"), "auto", "texts"),
        (("007", "8"), "auto", "texts"),
        (("7", "8"), "texts", "texts"),
        (("7", "8"), "integers", "integers"),
    ],
)
def test_users_of_digits_are_integers_unless_ids_says_otherwise(
    donebit: Donebit, name: str, users: tuple[str, ...], ids: str, kind: str
) -> None:
    assert donebit("visit", name, *users, "--ids", ids).code == 0

    other = donebit("visit", name, "1", "--ids", "texts" if kind == "integers" else "integers")

    assert other.code == 3
    assert f"event {name} has {kind} (set by its first visit)" in other.err


def test_a_text_is_no_integer(donebit: Donebit, name: str) -> None:
    refused = donebit("visit", name, 7, "ada", "--ids", "integers")

    assert (refused.code, refused.err) == (
        2,
        "error: user 'ada' is not an integer, as --ids integers requires\n",
    )
    assert donebit("count", name, "--json").json["count"] == 0


@pytest.mark.parametrize("period", [(), ("--period", "all")])
def test_a_time_is_not_counted_as_all_time(donebit: Donebit, name: str, period: tuple[str, ...]) -> None:
    refused = donebit("count", name, "--at", PAST_DAY, *period)

    assert (refused.code, refused.out) == (2, "")
    assert "--at needs a --period" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("visit", "no name", "7"), "event"),
        (("visit", "some", "4294967296"), "4294967295"),
        (("visit", "some", "7", "--at", "2999-01-01"), "5 minutes ahead"),
        (("count", "some", "--period", "day", "--at", "1999-12-31"), "no longer kept"),
    ],
)
def test_a_refusal_is_shown_in_the_words_of_the_service(
    donebit: Donebit, arguments: tuple[str, ...], said: str
) -> None:
    refused = donebit(*arguments)

    assert (refused.code, refused.out) == (3, "")
    assert said in refused.err
