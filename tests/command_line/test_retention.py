"""`retention`, against real services."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from donebit import clock
from donebit.command_line.terminal import percent
from donebit.formatting import number
from tests.command_line.command import ANSI, Donebit
from tests.web.real import RealServices


def came(services: RealServices, event: str, users: list[int], *, weeks_ago: int) -> None:
    at = clock.iso(clock.now() - timedelta(weeks=weeks_ago))
    answer = services.ask("distinct", "POST", f"/events/{event}", {"users": users, "at": at})
    assert answer.status == 200, answer


@pytest.fixture
def event(services: RealServices, name: str) -> str:
    """Two cohorts, and between them a week in which nobody was new."""
    came(services, name, [1, 2, 3, 4], weeks_ago=3)
    came(services, name, [1, 2], weeks_ago=2)
    came(services, name, [1, 5], weeks_ago=1)
    came(services, name, [5], weeks_ago=0)
    return name


def as_lines(matrix: dict[str, Any]) -> list[list[str]]:
    """What the table says, word by word, of the rows from the first on that has anybody."""
    rows = matrix["rows"]
    while rows and not rows[0]["users"]:
        rows = rows[1:]
    return [[row["period"], number(row["users"]), *as_cells(row)] for row in rows]


def as_cells(row: dict[str, Any]) -> list[str]:
    begun = [count for count in row["counts"] if count is not None]
    if not row["users"]:
        return ["-"] * len(begun)
    return [
        percent(count, row["users"]) + ("+" if row["running"] == column else "")
        for column, count in enumerate(begun)
    ]


def test_the_table_says_what_the_service_answers(donebit: Donebit, event: str) -> None:
    answer = donebit("retention", event, "--json").json

    table = donebit("retention", event)

    question, head, *rows, average, legend = table.out.splitlines()
    assert (table.code, table.err) == (0, "")
    assert (
        question
        == f"Of the users who first came to {event} in a week, the share that came back N weeks later"
    )
    assert head.split() == ["week", "users", "0", "1", "2", "3"]
    assert [row.split() for row in rows] == as_lines(answer)
    assert [row.split()[1:3] for row in rows] == [["4", "100%"], ["0", "-"], ["1", "100%"], ["0", "-"]]
    assert average.split()[:3] == ["average", "100%", "50%"]
    assert legend.startswith("+ period not over yet")


def test_every_option_of_the_route_is_passed_on(donebit: Donebit, services: RealServices, event: str) -> None:
    other = f"{event}-other"
    came(services, other, [1, 4], weeks_ago=2)
    start = f"{clock.now() - timedelta(weeks=3):%Y-%m-%d}"
    options = ("--granularity", "day", "--rows", 5, "--columns", 9, "--cohort", "recurring")
    query = f"granularity=day&rows=5&columns=9&cohort=recurring&return={other}"

    since = donebit("retention", event, *options, "--return", other, "--from", start, "--json").json
    until = donebit("retention", event, *options, "--return", other, "--at", start, "--json").json

    path = f"/events/{event}/retention?{query}"
    assert since == services.ask("distinct", "GET", f"{path}&from={start}").json
    assert until == services.ask("distinct", "GET", f"{path}&at={start}").json
    assert (len(since["rows"]), since["rows"][0]["period"]) == (5, start)
    assert (len(until["rows"]), until["rows"][-1]["period"]) == (5, start)
    assert since["rows"][0]["counts"][7] == 2


def test_the_question_names_what_counts_as_coming_back(donebit: Donebit, event: str) -> None:
    asked = donebit("retention", event, "--return", "buy", "--cohort", "recurring", "--granularity", "month")

    assert asked.out.splitlines()[0] == (
        f"Of the users who came to {event} in a month, the share that came to buy N months later"
    )


def test_weeks_before_the_first_cohort_are_shown_only_with_rows(donebit: Donebit, event: str) -> None:
    usual, six = donebit("retention", event), donebit("retention", event, "--rows", 6)

    weeks = [[line for line in one.out.splitlines() if line.startswith("20")] for one in (usual, six)]
    assert [len(some) for some in weeks] == [4, 6]
    assert [line.split()[1:4] for line in weeks[1][:2]] == [["0", "-", "-"]] * 2


def test_an_event_that_nobody_came_to_is_one_sentence(donebit: Donebit, name: str) -> None:
    asked = donebit("retention", name)

    assert (asked.code, asked.out) == (0, f"nobody first came to {name} in these weeks\n")


def test_without_an_event_it_is_that_of_the_sample_data_if_they_are_there(
    donebit: Donebit, services: RealServices
) -> None:
    without = donebit("retention", "--json").json["event"]
    came(services, "demo.visit", [1], weeks_ago=0)

    try:
        assert donebit("retention", "--json").json["event"] == "demo.visit"
    finally:
        services.ask("distinct", "DELETE", "/events/demo.visit")
    assert without == "distinct"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--rows", "300", "--columns", "90"), 3, "27000 cells; at most 10000"),
        (("--from", "2999-01-01"), 3, "has not begun"),
        (("--at", "someday"), 3, "someday"),
        (("--from", "2026-11-01", "--at", "2026-11-01"), 3, "both given"),
        (("--rows", "0"), 2, "--rows"),
        (("--granularity", "hour"), 2, "--granularity"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    donebit: Donebit, name: str, options: tuple[str, ...], code: int, said: str
) -> None:
    refused = donebit("retention", name, *options)

    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err


@pytest.mark.parametrize("columns", [30, 60, 80, 140])
def test_it_fits_its_terminal_in_shades(donebit: Donebit, event: str, columns: int) -> None:
    shown = donebit.at_terminal("retention", event, "--rows", 12, columns=columns)

    assert shown.exit_code() == 0
    assert max(map(len, shown.seen.splitlines())) <= columns
    assert "50%" in shown.seen
    assert is_shaded(shown.raw)


def test_where_no_colours_are_wanted_it_is_the_same_without(donebit: Donebit, event: str) -> None:
    coloured = donebit.at_terminal("retention", event, columns=140)
    plain = donebit.at_terminal("retention", event, columns=140, NO_COLOR="1")
    assert (coloured.exit_code(), plain.exit_code()) == (0, 0)

    piped = donebit("retention", event)

    assert not is_shaded(plain.raw)
    assert coloured.seen == plain.seen == piped.out
    assert not ANSI.search(piped.out)


def is_shaded(raw: str) -> bool:
    """Whether anything has a background colour."""
    return "48;5;" in raw or "48;2;" in raw
