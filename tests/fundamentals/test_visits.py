"""A visit is one bit per user and period, so distinct users are counted exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.fundamentals.conftest import Service

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
LONG_AGO = TODAY - timedelta(days=365)


def visit(distinct: Service, event: str, users: list[int], day: date = TODAY) -> int:
    """How many of the users are new to the event in that day."""
    fresh: int = distinct.post(f"/events/{event}", users=users, at=day.isoformat())["fresh"]
    return fresh


def count(distinct: Service, event: str, period: str, day: date = TODAY) -> int:
    found: int = distinct.get(f"/events/{event}/count?period={period}&at={day}")["count"]
    return found


def test_a_user_who_comes_twice_is_one_user(distinct: Service) -> None:
    """The number of a user is the number of a bit. Texts such as UUIDs are given numbers of their own."""
    visit(distinct, "login", [7, 8])

    fresh = visit(distinct, "login", [7, 9])

    assert fresh == 1
    assert count(distinct, "login", "day") == 3


def test_a_visit_counts_in_each_of_its_periods(distinct: Service) -> None:
    """A visit sets a bit in its hour, day, ISO week, month and in all time: no period is derived later."""
    visit(distinct, "login", [7, 8])
    visit(distinct, "login", [8, 9], LONG_AGO)

    assert count(distinct, "login", "day") == 2
    assert count(distinct, "login", "day", LONG_AGO) == 2
    assert count(distinct, "login", "all") == 3


def test_sets_of_users_are_combined_bit_by_bit(distinct: Service) -> None:
    """OR, AND and minus of bitmaps are OR, AND and minus of sets of users."""
    visit(distinct, "web", [1, 2, 3])
    visit(distinct, "app", [3, 4])

    either, both, only_web = (
        distinct.post("/query", text=f"web@{TODAY} {operator} app@{TODAY}")["count"] for operator in "|&-"
    )

    assert (either, both, only_web) == (4, 1, 2)


def test_retention_says_how_many_of_a_cohort_came_back(distinct: Service) -> None:
    """A row is a cohort: the users who first came in its period. Column 1 counts who came in the next."""
    visit(distinct, "lesson", [1, 2, 3, 4], YESTERDAY)
    visit(distinct, "lesson", [1, 2, 5], TODAY)

    matrix = distinct.get(f"/events/lesson/retention?granularity=day&rows=2&columns=2&at={TODAY}")

    assert [row["counts"] for row in matrix["rows"]] == [[4, 2], [1, None]]
