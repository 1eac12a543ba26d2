"""Sets of users, from-to and series over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store
from tests.clustered import in_one_piece
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

TODAY = f"{clock.now():%Y-%m-%d}"
LAST_WEEK = f"{clock.now() - timedelta(days=7):%Y-%m-%d}"
TOMORROW = f"{clock.now() + timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
def distinct(store: Store) -> Any:
    in_one_piece(store)
    client = Services(store).distinct
    for event, users in {"a": [1, 2, 3], "b": [2, 3, 2_000_000], "t": ["x", "y"]}.items():
        body_of(client.post(f"/events/{event}", json={"users": users}))
    body_of(client.post("/events/a", json={"users": [9], "at": LAST_WEEK}))
    body_of(client.put("/flags/f/users", json={"users": [3, 77]}))
    return client


@pytest.mark.parametrize(
    ("said", "users"),
    [
        ("a@today & b", [2, 3]),
        ("a@8d | flag:f", [1, 2, 3, 9, 77]),
        ("a - b ^ flag:f", [1, 3, 9, 77]),
        ("!a", [2_000_000]),
        (f"a@{LAST_WEEK}..{TODAY}", [9]),
        ("t", ["x", "y"]),
        ("never", []),
    ],
)
def test_a_text_and_its_json_are_answered_alike_however_they_are_sent(
    distinct: Any, said: str, users: list[Any]
) -> None:
    got = body_of(distinct.get("/query", query_string={"text": said}))
    posted = body_of(distinct.post("/query", json={"text": got["text"]}))
    as_json = body_of(distinct.post("/query", json={"query": got["query"]}))
    members = body_of(distinct.get("/query/members", query_string={"text": said}))
    paged = body_of(distinct.post("/query/members?limit=1", json={"query": got["query"]}))

    assert got["count"] == len(users)
    assert got == posted == as_json
    assert (members["users"], members["next"]) == (users, None)
    assert paged["users"] == users[:1]
    assert {"kind": got["kind"], "text": got["text"], "query": got["query"]}.items() <= members.items()


def test_members_are_paged_to_their_end(distinct: Any) -> None:
    pages: list[list[int]] = []
    after: int | None = -1
    while after is not None:
        page = body_of(distinct.get(f"/query/members?text=a|b&limit=2&after={after}"))
        pages.append(page["users"])
        after = page["next"]

    assert pages == [[1, 2], [3, 9], [2_000_000]]


def test_a_cohort_is_saved_and_asked_about(distinct: Any) -> None:
    saved = body_of(distinct.put("/flags/cohort", json={"text": "a & b"}))

    assert (saved["flag"], saved["count"], saved["kind"]) == ("cohort", 2, "integers")
    assert body_of(distinct.get("/flags/cohort/count"))["count"] == 2
    assert body_of(distinct.get("/query?text=flag:cohort-today|flag:cohort"))["count"] == 2


@pytest.mark.parametrize(
    ("ids", "kind", "users"), [("", "texts", ["x", "y"]), ("?ids=mapped", "mapped", [4_000_000_000, 17])]
)
def test_all_but_nobody_are_listed_and_saved_by_their_ids(
    store: Store, ids: str, kind: str, users: list[Any]
) -> None:
    client = Services(store).distinct
    body_of(client.post(f"/events/t{ids}", json={"users": users}))
    body_of(client.put("/flags/integers/users", json={"users": [77]}))
    asked = {"text": "!never"}

    listed = body_of(client.post("/query/members", json=asked))
    saved = body_of(client.put("/flags/all", json=asked))
    refused = problem_of(client.put("/flags/integers", json=asked))

    assert (listed["users"], listed["kind"], saved["count"], saved["kind"]) == (users, kind, 2, kind)
    assert body_of(client.get("/flags/all/users"))["users"] == users
    assert "flag integers has integers" in refused["detail"]
    assert body_of(client.get("/flags/integers/users"))["users"] == [77]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"from={LAST_WEEK}", 4),
        (f"from={LAST_WEEK}&to={TODAY}", 1),
        (f"from={TODAY}&to={TOMORROW}", 3),
        (f"from={TODAY}T00:00:00Z&to={TOMORROW}T00:00:00Z", 3),
        ("first=2&last=9", 2),
        ("last=3", 2),
        ("first=3&period=day", 1),
        (f"from={LAST_WEEK}&first=3", 2),
    ],
)
def test_an_event_is_counted_from_to_and_in_a_range_of_ids(distinct: Any, query: str, count: int) -> None:
    assert body_of(distinct.get(f"/events/a/count?{query}"))["count"] == count


def test_a_flag_is_counted_in_a_range_of_ids(distinct: Any) -> None:
    assert [
        body_of(distinct.get(f"/flags/f/count{query}"))["count"]
        for query in ("", "?first=4", "?last=77", "?first=3&last=78")
    ] == [2, 1, 1, 2]
    assert "must be above 4" in problem_of(distinct.get("/flags/f/count?first=4&last=4"))["detail"]


def test_a_span_says_its_ends_and_that_it_is_a_range(distinct: Any) -> None:
    count = body_of(distinct.get(f"/events/a/count?from={LAST_WEEK}"))
    there = body_of(distinct.get(f"/events/a/users/9?from={LAST_WEEK}&to={TODAY}"))
    not_there = body_of(distinct.get(f"/events/a/users/1?from={LAST_WEEK}&to={TODAY}"))
    text = body_of(distinct.get(f"/events/t/users?user=x&from={TODAY}"))

    assert (count["period"], count["from"], count["to"]) == (
        "range",
        f"{LAST_WEEK}T00:00:00Z",
        f"{TOMORROW}T00:00:00Z",
    )
    assert [answer["present"] for answer in (there, not_there, text)] == [True, False, True]


def test_a_series_has_a_column_a_day_and_its_window(distinct: Any) -> None:
    answer = body_of(distinct.get(f"/events/a/series?from={LAST_WEEK}&rolling=7"))

    columns = answer["columns"]
    assert [column["count"] for column in columns] == [1, 0, 0, 0, 0, 0, 0, 3]
    assert [column["rolling"] for column in columns] == [1, 1, 1, 1, 1, 1, 1, 3]
    assert (columns[0]["period"], columns[-1]["to"]) == (LAST_WEEK, f"{TOMORROW}T00:00:00Z")
    assert [
        column["rolling"] for column in body_of(distinct.get("/events/a/series?granularity=month"))["columns"]
    ] == [None] * 30


REFUSED = [
    ("GET", "/query?text=a %26", None, "text", "text, character 4: an event, flag:<name>, ! or ( must stand"),
    ("GET", "/query", None, "text", "text is missing"),
    (
        "GET",
        "/query?text=a|t",
        None,
        "text",
        "text, character 3: event t holds texts and event a holds integers",
    ),
    ("GET", "/query?text=a@2000-01-01", None, "text", "the day 2000-01-01 is no longer kept"),
    ("POST", "/query", {}, "query", "query or text holds the expression, and neither is given"),
    ("POST", "/query", {"text": "a", "query": {"event": "a"}}, "query", "and both are given"),
    (
        "POST",
        "/query",
        {"query": {"or": [{"event": "a"}, 5]}},
        "query.or.1",
        "query.or.1: it must be an object",
    ),
    ("POST", "/query", {"text": "a", "more": 1}, "more", "unknown field: more"),
    ("POST", "/query", {"text": "a" * 10_001}, "text", "at most 10000 characters"),
    ("GET", f"/query?text={'a' * 2001}", None, "text", "at most 2000 characters"),
    ("POST", "/query", {"text": 5}, "text", "text is 5; it must be a text"),
    ("GET", "/query/members?text=a&limit=10001", None, "limit", "limit is 10001; it must be at most 10000"),
    ("GET", "/query/members?text=a&after=-2", None, "after", "after is -2; it must be at least -1"),
    ("PUT", "/flags/f", {"text": "t"}, "flag", "flag f has integers"),
    ("PUT", "/flags/f", {"text": "("}, "text", "character 2"),
    ("GET", "/events/a/count?from=2000-01-01", None, "from", "from to to is"),
    (
        "GET",
        f"/events/a/count?from={TODAY}&period=day",
        None,
        "period",
        "from/to cannot be combined with period",
    ),
    ("GET", f"/events/a/count?to={TODAY}", None, "from", "to needs from"),
    ("GET", f"/events/a/count?from={TODAY}&to={TODAY}", None, "to", "it must be after from"),
    (
        "GET",
        f"/events/a/count?from={TODAY}T00:30:00Z",
        None,
        "from",
        "both ends must be days of UTC, or whole",
    ),
    ("GET", "/events/a/count?first=5&last=5", None, "last", "it must be above 5"),
    ("GET", "/events/a/count?last=4294967297", None, "last", "it must be at most 4294967296"),
    ("GET", "/events/t/count?last=5", None, "first", "only integers are counted by range"),
    ("GET", "/events/a/series?granularity=all", None, "granularity", "it must be 'hour', 'day', 'week' or"),
    ("GET", "/events/a/series?rolling=101", None, "rolling", "it must be at most 100"),
    ("GET", "/events/a/series?from=2000-01-01", None, "from", "more than 500 days apart"),
    ("GET", f"/events/a/series?to={LAST_WEEK}&from={TODAY}", None, "to", "it must be after from"),
]


@pytest.mark.parametrize(("method", "url", "body", "fault", "why"), REFUSED)
def test_what_cannot_be_answered_is_refused_where_it_is_wrong(
    distinct: Any, client: Redis, method: str, url: str, body: object, fault: str, why: str
) -> None:
    before = everything(client)

    told = problem_of(distinct.open(url, method=method, json=body))

    assert why in told["detail"]
    assert [error["field"] for error in told["errors"]] == [fault]
    assert everything(client) == before


@pytest.mark.parametrize("deep", ['{"query":' + '{"not":' * 25_000 + "1" + "}" * 25_001, "[" * 50_000])
def test_a_body_nested_beyond_all_measure_is_refused(distinct: Any, deep: str) -> None:
    problem_of(distinct.post("/query", data=deep, content_type="application/json"))
