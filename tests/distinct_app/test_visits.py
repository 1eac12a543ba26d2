"""Visits arrive as JSON, as lines of it, or packed; one event at a time, or many."""

from __future__ import annotations

import json
import re
import struct
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from distinct_app import lines as line_reading
from distinct_app.models.common import MOST_USERS
from donebit import clock
from donebit.activity.events import batching
from donebit.activity.users.ids import LARGEST_ID
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from tests.clustered import in_one_piece
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

LINES = {"content_type": "application/x-ndjson"}
PACKED = {"content_type": "application/octet-stream"}
TODAY = clock.now().date().isoformat()
YESTERDAY = (clock.now() - timedelta(days=1)).date().isoformat()


def lines(*objects: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def test_several_events_and_times_are_recorded_by_one_request(store: Store) -> None:
    distinct = Services(store).distinct
    visits = [
        {"event": "read", "users": [1, 2, 2], "at": TODAY},
        {"event": "bought", "user": "ada", "at": TODAY},
        {"event": "read", "user": 2, "at": YESTERDAY},
        {"event": "read", "users": [2, 3], "at": f"{TODAY}T00:00:01Z"},
    ]

    made, again = (body_of(distinct.post("/visits", json={"visits": visits})) for _ in range(2))

    assert made == {
        "received": 7,
        "fresh": 5,
        "days": [
            {"event": "read", "day": TODAY, "received": 5, "fresh": 3},
            {"event": "bought", "day": TODAY, "received": 1, "fresh": 1},
            {"event": "read", "day": YESTERDAY, "received": 1, "fresh": 1},
        ],
    }
    assert (again["received"], again["fresh"]) == (7, 0)
    assert body_of(distinct.get("/events/read/count"))["count"] == 3
    assert body_of(distinct.get("/events/bought/users/ada"))["present"] is True


def test_lines_name_one_visit_each(store: Store) -> None:
    distinct = Services(store).distinct
    of_any = lines({"event": "a", "user": 1}, {"event": "b", "user": "x", "at": YESTERDAY}) + "\n \n"
    of_one = lines({"user": 1}, {"user": 2}, {"user": 3, "at": YESTERDAY}).strip()

    many = body_of(distinct.post("/visits", data=of_any, **LINES))
    one = body_of(distinct.post("/events/a", data=of_one, **LINES))

    assert (many["received"], many["fresh"], len(many["days"])) == (2, 2, 2)
    assert (one["received"], one["fresh"]) == (3, 2)
    assert body_of(distinct.get("/events/a/count"))["count"] == 3


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"visits": [{"event": "e", "user": 1}, {"event": "e", "user": 2, "at": TODAY}]}},
        {"data": lines({"event": "e", "user": 1}, {"event": "e", "user": 2, "at": TODAY}), **LINES},
    ],
    ids=["json", "lines"],
)
def test_a_time_of_the_query_is_that_of_visits_without_one(store: Store, sent: dict[str, Any]) -> None:
    made = body_of(Services(store).distinct.post(f"/visits?at={YESTERDAY}", **sent))

    assert {day["day"]: day["received"] for day in made["days"]} == {YESTERDAY: 1, TODAY: 1}


@pytest.mark.parametrize(
    "first",
    [
        ("/events/e?ids=mapped", {"json": {"users": [LARGEST_ID, 7]}}),
        ("/events/e", {"json": {"users": [LARGEST_ID, 7], "ids": "mapped"}}),
        ("/events/e?ids=mapped", {"data": struct.pack("<2I", LARGEST_ID, 7), **PACKED}),
        ("/events/e?ids=mapped", {"data": lines({"user": LARGEST_ID}, {"user": 7}), **LINES}),
        ("/visits", {"json": {"visits": [{"event": "e", "users": [LARGEST_ID, 7], "ids": "mapped"}]}}),
        ("/visits?ids=mapped", {"json": {"visits": [{"event": "e", "users": [LARGEST_ID, 7]}]}}),
        (
            "/visits?ids=mapped",
            {"data": lines(*({"event": "e", "user": u} for u in (LARGEST_ID, 7))), **LINES},
        ),
        (
            "/visits",
            {"data": lines(*({"event": "e", "user": u, "ids": "mapped"} for u in (LARGEST_ID, 7))), **LINES},
        ),
    ],
    ids=lambda first: first[0],
)
def test_sparse_integers_are_mapped_where_the_first_visit_says_so(
    store: Store, client: Redis, first: tuple[str, dict[str, Any]]
) -> None:
    url, sent = first
    distinct = Services(store, max_segments=1).distinct

    made = body_of(distinct.post(url, **sent))
    later = body_of(distinct.post("/events/e", json={"users": [7, 3 * SEGMENT_BITS]}))

    assert (made["fresh"], later["fresh"]) == (2, 1)
    assert store.visits.events() == {"e": "mapped"}
    assert body_of(distinct.get(f"/events/e/users/{LARGEST_ID}"))["present"] is True
    assert body_of(distinct.get("/events/e/users/0"))["present"] is False
    assert len(list(client.scan_iter("donebit:seen:{[0-9]*}:e:all"))) == 1


REFUSED = [
    ("/events/e?ids=mapped", {"json": {"users": [1]}}, "event e has integers.*this batch has mapped ids"),
    ("/events/m?ids=integers", {"json": {"users": [1]}}, "event m has mapped ids.*this batch has integers"),
    ("/events/m", {"json": {"users": ["a"]}}, "event m has mapped ids.*this batch has texts"),
    ("/events/new?ids=mapped", {"json": {"users": ["a"]}}, "ids is mapped, and this batch holds texts"),
    ("/events/new?ids=texts", {"json": {"users": [1]}}, "ids is texts, and this batch holds integers"),
    (
        "/events/new?ids=dense",
        {"json": {"users": [1]}},
        "ids is 'dense'; it must be 'integers', 'texts' or 'mapped'",
    ),
    ("/events/e", {"data": "", **LINES}, "the body is empty; it must have at least one line"),
    ("/events/e", {"data": '{"user": 1}\n[]', **LINES}, r"line 2: it is '\[\]'; it must be a JSON object"),
    (
        "/events/e",
        {"data": '{"user": 1}\n{"user"', **LINES},
        "line 2: it is '{\"user\"'; it must be a JSON object",
    ),
    ("/events/e", {"data": b'{"user": 1}\n\xff', **LINES}, "line 2: it is .*; it must be a JSON object"),
    ("/events/e", {"data": '{"user": ' + "[" * 4000, **LINES}, "line 1: it is .*; it must be a JSON object"),
    ("/events/e", {"data": lines({"user": True}), **LINES}, "line 1: user.* is True; it must be an integer"),
    ("/events/e", {"data": lines({"user": 2**32}), **LINES}, "is 4294967296; it must be at most 4294967295"),
    ("/events/e", {"data": lines({"user": "x" * 201}), **LINES}, "it must have at most 200 characters"),
    ("/events/e", {"data": lines({"user": 1, "who": 2}), **LINES}, "line 1: unknown field: who"),
    (
        "/events/e",
        {"data": lines({"user": 1}, {"user": 2, "at": "x"}), **LINES},
        "line 2: at is 'x'; it must be",
    ),
    (
        "/events/e",
        {"data": lines({"user": 1}, {"user": "a"}), **LINES},
        "line 2: event e has .* texts .sent as 'a'",
    ),
    ("/events/e", {"data": " " * 4097 + "1", **LINES}, "line 1: it has 4098 bytes; at most 4096"),
    ("/visits", {"data": lines({"user": 1}), **LINES}, "line 1: event is missing"),
    (
        "/visits",
        {"data": lines({"event": "e", "user": 1}, {"event": "m", "user": "a"}), **LINES},
        "event m has mapped ids",
    ),
    ("/visits", {"json": {"visits": []}}, "visits is .*; it must have at least 1 item"),
    ("/visits", {"json": {"visits": [{"event": "e", "user": 1}] * 1001}}, "it must have at most 1000 items"),
    ("/visits", {"json": {"visits": [{"event": "e"}]}}, "visits.0 is .*either `users` or `user`"),
    ("/visits", {"json": {"visits": [{"event": "e", "users": None}]}}, "either `users` or `user`"),
    ("/visits", {"json": {"visits": [{"event": "e", "user": 1, "users": [1]}]}}, "either `users` or `user`"),
    (
        "/visits",
        {"json": {"visits": [{"event": "e", "users": [1, -1]}]}},
        r"visits.0.users.*1 is -1; it must be at least 0",
    ),
    (
        "/visits",
        {"json": {"visits": [{"event": "a b", "user": 1}]}},
        "event is 'a b'; it must be 1 to 100 of",
    ),
    (
        "/visits",
        {"json": {"visits": [{"event": "f", "user": 1}, {"event": "e", "user": "a"}]}},
        "event e has integers",
    ),
    (
        "/visits",
        {"json": {"visits": [{"event": "f", "user": 1}, {"event": "f", "user": "a"}]}},
        "event f has integers",
    ),
    (
        "/visits",
        {"json": {"visits": [{"event": "f", "user": 1}, {"event": "g", "user": 2, "at": "2020-01-01"}]}},
        "400 days",
    ),
    (
        "/visits",
        {"json": {"visits": [{"event": "f", "user": 1}, {"event": "e", "user": SEGMENT_BITS}]}},
        "event e would span 2 segments",
    ),
    (
        "/visits",
        {
            "json": {
                "visits": [
                    {"event": "f", "user": n * SEGMENT_BITS, "at": d}
                    for n, d in enumerate([TODAY, YESTERDAY])
                ]
            }
        },
        "event f would span 2",
    ),
    ("/visits", {"data": b"1234", **PACKED}, "application/json"),
]


@pytest.mark.parametrize(("url", "sent", "why"), REFUSED)
def test_a_refused_request_changes_nothing(
    store: Store, real_client: Redis, url: str, sent: dict[str, Any], why: str
) -> None:
    distinct = Services(store, max_segments=1).distinct
    distinct.post("/events/e", json={"users": [1]})
    distinct.post("/events/m", json={"users": [LARGEST_ID], "ids": "mapped"})
    before = everything(real_client)

    problem = problem_of(distinct.post(url, **sent))

    assert re.search(why, problem["detail"], re.DOTALL), problem["detail"]
    assert problem["errors"]
    assert everything(real_client) == before


@pytest.mark.parametrize("kind", ["texts", "mapped"])
def test_a_batch_refused_for_its_segments_has_numbered_nobody(
    real_store: Store, real_client: Redis, kind: str
) -> None:
    in_one_piece(real_store)
    distinct = Services(real_store, max_segments=1).distinct
    users: list[Any] = ["a", "b"] if kind == "texts" else [5, 6]
    real_client.set(f"donebit:seen:{{{'users' if kind == 'texts' else 'mapped'}}}:next", SEGMENT_BITS - 1)
    before = everything(real_client)

    problem = problem_of(distinct.post("/events/e", json={"users": users, "ids": kind}))

    assert "event e would span 2 segments of 1048448 ids; at most 1" in problem["detail"]
    assert everything(real_client) == before


def test_lines_and_users_and_groups_of_one_request_are_limited(
    store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    distinct = Services(store).distinct
    monkeypatch.setattr(line_reading, "MOST_USERS", 2)
    monkeypatch.setattr(batching, "MOST_GROUPS", 1)

    many_lines = distinct.post("/events/e", data=lines({"user": 1}) * 3, **LINES)
    groups = distinct.post("/events/e", data=lines({"user": 1}, {"user": 1, "at": YESTERDAY}), **LINES)

    assert problem_of(many_lines)["detail"] == "the body has more than 2 lines"
    assert "to 2 events and hours; at most 1 in one request" in problem_of(groups)["detail"]
    assert everything(real_client) == {}


def test_the_users_of_all_visits_together_are_limited(store: Store, real_client: Redis) -> None:
    half = {"event": "e", "users": [1] * (MOST_USERS // 2 + 1)}

    problem = problem_of(Services(store).distinct.post("/visits", json={"visits": [half, half]}))

    assert "name 1000002 users; at most 1000000 in one request" in problem["detail"]
    assert everything(real_client) == {}


@pytest.mark.parametrize(
    ("path", "at", "said"),
    [
        ("/events/e", 1795177815, "at is 1795177815; it must be a date or time"),
        ("/events/e", "1795177815", "with ?time_unit=s, ms, us or ns a number such as 1763694245 or"),
        ("/events/e?time_unit=s", "2026-11-20", "at is '2026-11-20'; it must be a number such as"),
        ("/events/e?time_unit=s", "1e9", "?time_unit=s, ms, us or ns a number such as 1763694245 or 17636"),
        ("/events/e?time_unit=s", 10**17, "at is 100000000000000000, too far from 1970"),
        ("/events/e?time_unit=m", 10, "time_unit is 'm'; it must be 's', 'ms', 'us' or 'ns'"),
        ("/events/e", True, "at is True; it must be a date or time"),
        ("/events/e", "2026-11-20T24:01", "must be a date or time, ISO 8601 and UTC, such as 2026-11-21 or"),
    ],
)
def test_a_time_that_cannot_be_read_is_refused_with_its_value(
    store: Store, client: Redis, path: str, at: object, said: str
) -> None:
    distinct = Services(store).distinct
    before = everything(client)

    refused = problem_of(distinct.post(path, json={"users": [7], "at": at}), 422)
    line = json.dumps({"event": "e", "user": 7, "at": at})
    of_lines = problem_of(distinct.post(path.replace("/events/e", "/visits"), data=line, **LINES), 422)

    assert said in refused["detail"]
    assert said in of_lines["detail"]
    assert everything(client) == before


def test_lines_may_have_numbers_for_times(store: Store) -> None:
    distinct = Services(store).distinct
    ms = int((clock.now() - timedelta(days=1)).timestamp() * 1000)
    sent = lines({"event": "read", "user": 1, "at": ms}, {"event": "read", "user": 2, "at": str(ms)})

    made = body_of(distinct.post("/visits?time_unit=ms", data=sent, **LINES))

    assert made["fresh"] == 2
    assert {day["day"] for day in made["days"]} == {YESTERDAY}
