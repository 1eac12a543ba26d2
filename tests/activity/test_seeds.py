"""The cases that bitmaps are told of by, each over HTTP as its users would ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from tests.web.services import Services, body_of


@pytest.fixture
def distinct(store: Store) -> FlaskClient:
    return Services(store).distinct


def query(distinct: FlaskClient, text: str) -> list[int]:
    """The users of an expression, and that as many are counted."""
    members = body_of(distinct.get("/query/members", query_string={"text": text}))
    counted = body_of(distinct.get("/query", query_string={"text": text}))
    assert counted["count"] == len(members["users"])
    users: list[int] = members["users"]
    return users


def flag(distinct: FlaskClient, name: str, *users: int, **body: Any) -> None:
    body_of(distinct.put(f"/flags/{name}/users", json=({"users": list(users)} if users else {}) | body))


def test_the_status_of_a_user_is_set_asked_for_and_cleared(distinct: FlaskClient) -> None:
    for user in (0, 1):
        distinct.put(f"/flags/user_active/users/{user}")
    distinct.delete("/flags/user_active/users/2")

    active = [body_of(distinct.get(f"/flags/user_active/users/{user}"))["present"] for user in (0, 1, 2)]
    distinct.delete("/flags/user_active/users/0")

    assert active == [True, True, False]
    assert body_of(distinct.get("/flags/user_active/users/0"))["present"] is False


def test_which_riders_pinged_within_the_hour_and_which_did_not(distinct: FlaskClient) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    before = (hour - timedelta(seconds=1)).isoformat()
    asked = f"period=hour&at={hour:%Y-%m-%dT%H:%M:%SZ}"
    distinct.post("/events/pings", json={"users": [0, 1, 2, 123], "at": hour.isoformat()})
    distinct.post("/events/pings", json={"users": [456], "at": before})
    flag(distinct, "riders", ranges=[[0, 1000]])

    pinged = [
        body_of(distinct.get(f"/events/pings/users/{rider}?{asked}"))["present"] for rider in (123, 456)
    ]
    missing = body_of(distinct.get(f"/flags/riders/missing?event=pings&{asked}&limit=1000"))

    assert pinged == [True, False]
    assert (missing["first"], missing["count"]) == (3, 996)
    assert missing["users"] == sorted(set(range(1000)) - {0, 1, 2, 123})


def test_the_newsletter_is_for_any_of_four_billion_users(distinct: FlaskClient, client: Redis) -> None:
    flag(distinct, "newsletter", 0, SEGMENT_BITS - 1, SEGMENT_BITS, 2**32 - 1)

    reached = body_of(distinct.get("/flags/newsletter/users"))["users"]

    assert reached == [0, SEGMENT_BITS - 1, SEGMENT_BITS, 2**32 - 1]
    kept = sum(
        client.strlen(name)
        for name in client.scan_iter("donebit:flag:{*}:bits:*")
        if client.type(name) == b"string"
    )
    assert kept < 300_000  # bytes, and not 512 MB


def test_the_arms_of_a_test_share_nobody_and_leave_out_nobody(distinct: FlaskClient) -> None:
    flag(distinct, "everybody", ranges=[[0, 40]])
    flag(distinct, "green", ranges=[[0, 10]])
    saved = body_of(distinct.put("/flags/blue", json={"text": "flag:everybody - flag:green"}))
    distinct.post("/events/bought", json={"users": [5, 20, 39, 99]})

    assert saved["count"] == 30
    assert query(distinct, "flag:green & flag:blue") == []
    assert query(distinct, "flag:everybody ^ (flag:green | flag:blue)") == []
    assert query(distinct, "bought & flag:blue") == [20, 39]


def test_who_attended_every_lesson_and_who_was_absent(distinct: FlaskClient) -> None:
    flag(distinct, "class", ranges=[[1, 8]])
    flag(distinct, "monday", 1, 2, 3, 4, 5, 6, 7)
    flag(distinct, "friday", 1, 2, 4, 7)
    distinct.delete("/flags/monday/users/2")  # noted by mistake

    assert query(distinct, "flag:monday & flag:friday") == [1, 4, 7]
    assert query(distinct, "flag:class - flag:friday") == [3, 5, 6]


def test_the_permissions_of_an_object_are_a_bit_each(distinct: FlaskClient, client: Redis) -> None:
    body_of(distinct.put("/permissions/file", json={"permissions": ["execute", "write", "read"]}))

    body_of(distinct.put("/permissions/file/notes.txt", json={"permissions": ["read", "write"]}))

    assert body_of(distinct.get("/permissions/file/notes.txt/execute"))["allowed"] is False
    assert body_of(distinct.get("/permissions/file/notes.txt?all=read,write"))["allowed"] is True
    name = keys.permissions("file", "notes.txt")
    assert [client.getbit(name, bit) for bit in range(3)] == [0, 1, 1]


def test_users_are_counted_within_a_range_of_ids(distinct: FlaskClient) -> None:
    ids = [0, 9, 10, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 1, 2**32 - 1]
    distinct.post("/events/ranged", json={"users": ids})

    for first, last in ((0, 10), (10, SEGMENT_BITS), (SEGMENT_BITS, 2**32), (9, 2**32 - 1)):
        counted = body_of(distinct.get(f"/events/ranged/count?first={first}&last={last}"))
        assert counted["count"] == len([user for user in ids if first <= user < last])


def test_a_bitmap_is_split_over_keys_of_a_million_bits_each(distinct: FlaskClient, client: Redis) -> None:
    flag(distinct, "split", 5, SEGMENT_BITS * 2 + 5)

    assert [client.getbit(keys.flag_segment(number, "split"), 5) for number in range(3)] == [1, 0, 1]
    assert client.exists(keys.flag_segment(1, "split")) == 0


def test_bitmaps_are_taken_together_by_and_or_xor_and_not(distinct: FlaskClient) -> None:
    flag(distinct, "left", 1, 2, 3, 5)
    flag(distinct, "right", 3, 4, 5, 2_000_000)
    distinct.post("/events/everybody", json={"users": [1, 2, 3, 4, 5, 6, 2_000_000]})

    assert query(distinct, "flag:left & flag:right") == [3, 5]
    assert query(distinct, "flag:left | flag:right") == [1, 2, 3, 4, 5, 2_000_000]
    assert query(distinct, "flag:left ^ flag:right") == [1, 2, 4, 2_000_000]
    assert query(distinct, "flag:left - flag:right") == [1, 2]
    assert query(distinct, "!flag:left") == [4, 6, 2_000_000]


def test_a_user_is_erased_everywhere_over_http(distinct: FlaskClient) -> None:
    distinct.post("/events/numbers", json={"users": [7, 8]})
    distinct.post("/events/texts", json={"users": ["7", "a/b"]})
    flag(distinct, "numbered", 7)

    made = body_of(distinct.delete("/users/7"))
    text = body_of(distinct.delete("/users?user=a/b"))

    assert (made["events"], made["flags"], made["numbers"]) == (["numbers", "texts"], ["numbered"], 1)
    assert (text["events"], text["numbers"]) == (["texts"], 1)
    counts = [body_of(distinct.get(f"/events/{event}/count"))["count"] for event in ("numbers", "texts")]
    assert counts == [1, 0]


def test_an_event_is_forgotten_over_http(distinct: FlaskClient) -> None:
    distinct.post("/events/gone", json={"users": [7, 8]})

    assert body_of(distinct.delete("/events/gone")) == {"event": "gone", "forgotten": True}
    assert body_of(distinct.delete("/events/gone")) == {"event": "gone", "forgotten": False}
    assert body_of(distinct.get("/events/gone/count"))["count"] == 0
