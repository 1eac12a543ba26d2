"""Retention, lifecycle and stickiness over HTTP, on a Saturday of a fixed calendar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from donebit import clock
from donebit.activity.events import ingest
from donebit.store import Store, keys
from tests.activity.analytics.cohort_model import ALL_KEPT, keep
from tests.activity.arranged import site_on
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # in 2026-W47


@pytest.fixture
def distinct(client: Redis, store: Store, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The service at that moment. Its events are kept for long: the server goes by a clock of its own."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    for event in ("read", "write", "texts"):
        keep(client, event, ALL_KEPT)
    return Services(store).distinct


def visit(client: Redis, day: str, users: Sequence[int | str], event: str = "read") -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    ingest.record(site_on(Store.on(client)), event, users, at=at, now=NOW)


def two_weeks(client: Redis) -> None:
    visit(client, "2025-01-01", [4])  # long before
    visit(client, "2026-11-10", [1, 2, 3, 4])
    visit(client, "2026-11-15", [3])
    visit(client, "2026-11-17", [2, 3, 5])


def test_a_matrix_has_first_time_cohorts_and_marks_what_runs(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/retention?rows=2&columns=3"))

    assert {name: told[name] for name in ("event", "return", "granularity", "cohort")} == {
        "event": "read",
        "return": "read",
        "granularity": "week",
        "cohort": "first",
    }
    assert told["known_from"] < "1980"
    assert told["rows"] == [
        {
            "period": "2026-W46",
            "from": "2026-11-09T00:00:00Z",
            "to": "2026-11-16T00:00:00Z",
            "users": 3,
            "counts": [3, 2, None],
            "running": 1,
        },
        {
            "period": "2026-W47",
            "from": "2026-11-16T00:00:00Z",
            "to": "2026-11-23T00:00:00Z",
            "users": 1,
            "counts": [1, None, None],
            "running": 0,
        },
    ]
    assert told["averages"] == [
        {"column": 0, "users": 3, "returned": 3, "rate": 1.0},
        {"column": 1, "users": 0, "returned": 0, "rate": None},
        {"column": 2, "users": 0, "returned": 0, "rate": None},
    ]


def test_an_average_is_weighted_by_the_cohorts(distinct: FlaskClient, client: Redis) -> None:
    visit(client, "2026-11-16", range(10))
    visit(client, "2026-11-17", [0, *range(10, 40)])
    visit(client, "2026-11-18", range(10, 20))

    told = body_of(distinct.get("/events/read/retention?granularity=day&at=2026-11-18&rows=3&columns=2"))

    assert [row["users"] for row in told["rows"]] == [10, 30, 10 - 10]
    assert told["averages"][1] == {"column": 1, "users": 40, "returned": 1 + 10, "rate": 0.275}


def test_recurring_cohorts_are_all_who_came(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/retention?rows=2&columns=2&cohort=recurring"))

    assert [row["counts"] for row in told["rows"]] == [[4, 2], [3, None]]
    assert told["known_from"] is None


def test_another_event_may_be_the_return(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)
    visit(client, "2026-11-10", [1, 9], "write")
    visit(client, "2026-11-17", [1, 2, 3], "write")

    told = body_of(distinct.get("/events/read/retention?rows=1&columns=2&at=2026-11-09&return=write"))

    assert told["return"] == "write"
    assert [(row["users"], row["counts"]) for row in told["rows"]] == [(3, [1, 3])]


def test_rows_from_a_moment_on_end_with_the_one_that_runs(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/retention?from=2026-11-09&rows=12&columns=40"))

    assert [row["period"] for row in told["rows"]] == ["2026-W46", "2026-W47"]
    assert {len(row["counts"]) for row in told["rows"]} == {40}


@pytest.mark.parametrize(
    ("asked", "users"),
    [
        ("row=2026-W46", [1, 2, 3]),
        ("row=2026-W46&column=0", [1, 2, 3]),
        ("row=2026-W46&column=1", [2, 3]),
        ("row=2026-W46&column=1&limit=1", [2]),
        ("row=2026-W46&column=1&after=2", [3]),
        ("row=2026-W46&cohort=recurring", [1, 2, 3, 4]),
        ("row=2026-11-10&column=7", [2, 3]),
        ("row=2026-11&cohort=first", [1, 2, 3, 5]),
        ("row=2026-W46&column=1&return=write", []),
    ],
)
def test_the_users_of_a_cell_are_named(
    distinct: FlaskClient, client: Redis, asked: str, users: list[int]
) -> None:
    two_weeks(client)

    told = body_of(distinct.get(f"/events/read/retention/members?{asked}"))

    assert told["users"] == users


def test_texts_are_named_as_they_were_sent(distinct: FlaskClient, client: Redis) -> None:
    visit(client, "2026-11-10", ["ada", "grace"], "texts")
    visit(client, "2026-11-17", ["grace", "joan"], "texts")

    cell = body_of(distinct.get("/events/texts/retention/members?row=2026-W46&column=1"))
    state = body_of(distinct.get("/events/texts/lifecycle/members?period=2026-W47&state=dormant"))

    assert (cell["users"], state["users"]) == (["grace"], ["ada"])


def test_a_lifecycle_counts_and_names_the_users_of_each_state(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/lifecycle?granularity=week&periods=2"))
    named = {
        state: body_of(distinct.get(f"/events/read/lifecycle/members?period=2026-W47&state={state}"))["users"]
        for state in ("new", "returning", "resurrecting", "dormant")
    }
    resurrected = body_of(distinct.get("/events/read/lifecycle/members?period=2026-W46&state=resurrecting"))

    states = [[one[name] for name in (*named, "active", "running")] for one in told["periods"]]
    assert states == [[3, 0, 1, 0, 4, False], [1, 2, 0, 2, 3, True]]
    assert named == {"new": [5], "returning": [2, 3], "resurrecting": [], "dormant": [1, 4]}
    assert resurrected["users"] == [4]


def test_stickiness_tells_on_how_many_days_users_came(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/stickiness?periods=14"))

    assert told == {
        "event": "read",
        "granularity": "day",
        "from": "2026-11-08T00:00:00Z",
        "to": "2026-11-22T00:00:00Z",
        "periods": 14,
        "users": [3, 1, 1, *[0] * 11],
        "active": 5,
        "mean": 1.6,
    }


def test_ratios_are_of_the_days_before_too(distinct: FlaskClient, client: Redis) -> None:
    two_weeks(client)

    told = body_of(distinct.get("/events/read/stickiness/ratios?days=5"))["days"]

    assert [(one["day"], one["dau"], one["wau"], one["mau"]) for one in told] == [
        ("2026-11-17", 3, 3, 5),
        ("2026-11-18", 0, 3, 5),
        ("2026-11-19", 0, 3, 5),
        ("2026-11-20", 0, 3, 5),
        ("2026-11-21", 0, 3, 5),
    ]
    assert [told[0][name] for name in ("dau_wau", "dau_mau", "wau_mau", "mean_days")] == [1.0, 0.6, 0.6, 1.6]
    assert [one["running"] for one in told] == [False] * 4 + [True]


@pytest.mark.parametrize(
    "path",
    [
        "/events/never/retention",
        "/events/never/retention?return=nobody&cohort=recurring",
        "/events/never/lifecycle",
        "/events/never/stickiness",
        "/events/never/stickiness/ratios",
    ],
)
def test_of_an_event_never_seen_every_count_is_0(distinct: FlaskClient, path: str) -> None:
    told = distinct.get(path)

    body_of(told)
    assert set(re.findall(r'"(?:users|active|dau|mau|new|dormant)":\[?([0-9]+)', told.text)) == {"0"}


REFUSED = [
    ("retention?rows=100&columns=101", r"100 rows of 101 columns are 10100 cells; at most 10000"),
    ("retention?rows=0", r"rows is 0; it must be at least 1"),
    ("retention?columns=10001", r"columns is 10001; it must be at most 10000"),
    ("retention?granularity=hour", r"granularity is 'hour'; it must be 'day', 'week' or 'month'"),
    ("retention?cohort=last", r"cohort is 'last'; it must be 'first' or 'recurring'"),
    ("retention?at=2026-11-23", r"the week 2026-W48 has not begun: at must not be ahead of 2026-11-21T12"),
    ("retention?from=2026-11-23", r"the week 2026-W48 has not begun: from must not be ahead"),
    ("retention?from=2026-11-01&at=2026-11-02", r"from and at are both given"),
    ("retention?at=1950-01-01", r"the week 1949-W52 is no longer kept: at must not be further back than"),
    (
        "retention?rows=3000&columns=1",
        r"the week 1972-W06 is no longer kept: rows must not be",
    ),
    ("retention?at=0001-01-01T00:00%2B05:00", r"at is .*; it must be"),
    ("retention?return=texts", r"event read holds integers and event texts holds texts"),
    ("retention?return=a%20b", r"return is 'a b'; it must be 1 to 100 of"),
    ("retention/members", r"row is missing"),
    ("retention/members?row=2026-11-21T03", r"row is '2026-11-21T03'; it must be a day, a week or a month"),
    ("retention/members?row=all", r"row is 'all'; it must be a day, a week or a month"),
    ("retention/members?row=2026-W48", r"the week 2026-W48 has not begun: row must not be ahead of"),
    ("retention/members?row=2026-W54", r"row is '2026-W54'; it must be a day"),
    ("retention/members?row=2026-W46&column=2", r"column 2 of the week 2026-W46 has not begun; .* is 1"),
    ("retention/members?row=1950-W01", r"the week 1950-W01 is no longer kept: row must not be further back"),
    ("lifecycle?periods=401", r"periods is 401; it must be at most 400"),
    ("lifecycle/members?period=2026-11-21&state=lost", r"state is 'lost'; it must be"),
    ("lifecycle/members?period=nonsense&state=new", r"period is 'nonsense'; it must be"),
    ("stickiness?periods=0", r"periods is 0; it must be at least 1"),
    ("stickiness/ratios?days=401", r"days is 401; it must be at most 400"),
]


@pytest.mark.parametrize(("asked", "why"), REFUSED)
def test_a_refused_question_names_the_bound_and_changes_nothing(
    distinct: FlaskClient, client: Redis, asked: str, why: str
) -> None:
    visit(client, "2026-11-10", [1])
    visit(client, "2026-11-10", ["a"], "texts")
    before = everything(client)

    problem = problem_of(distinct.get(f"/events/read/{asked}"), 422)

    assert re.search(why, problem["detail"]), problem["detail"]
    assert everything(client) == before


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("lifecycle?periods=11&granularity=day", r"the day 2026-11-10 is no longer kept: the period before"),
        ("lifecycle?periods=30&granularity=day", r"no longer kept: periods must not be further back"),
        ("stickiness/ratios?days=30", r"no longer kept: days must not be further back"),
        ("lifecycle/members?period=2026-11-11&state=new", r"the day 2026-11-10 is no longer kept"),
        ("stickiness/ratios?days=1", r"the day 2026-10-23 is no longer kept: the first of 30 days must not"),
        ("stickiness", r"the day 2026-11-10 is no longer kept: periods must not be further back than 10"),
        ("retention?return=write&granularity=day&at=2026-11-10", r"the day 2026-11-10 is no longer kept"),
    ],
)
def test_what_would_read_beyond_the_retention_is_refused(
    distinct: FlaskClient, client: Redis, asked: str, why: str
) -> None:
    event = "write" if "return" in asked else "read"
    client.hset(keys.event_meta(event), "keep_day", 10 * 24 * 3600)

    problem = problem_of(distinct.get(f"/events/read/{asked}"), 422)

    assert re.search(why, problem["detail"]), problem["detail"]


def test_the_document_shows_what_each_parameter_is_called(distinct: FlaskClient) -> None:
    paths: dict[str, Any] = body_of(distinct.get("/openapi.json"))["paths"]

    named = [one["name"] for one in paths["/events/{event}/retention"]["get"]["parameters"]]

    assert set(named) == {"event", "granularity", "at", "from", "rows", "columns", "cohort", "return"}
