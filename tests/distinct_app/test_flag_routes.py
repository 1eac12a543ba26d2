"""Flags over HTTP: set, asked for, cleared, counted, listed, and who of a roster is missing."""

from __future__ import annotations

import re
import struct

import pytest
from redis import Redis

from donebit.store import Store, keys
from tests.clustered import in_one_piece
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of


def test_a_flag_is_set_asked_for_and_cleared(store: Store) -> None:
    distinct, url = Services(store).distinct, "/flags/newsletter/users/4294967295"
    named = {"flag": "newsletter", "user": 2**32 - 1}

    assert body_of(distinct.get(url)) == {**named, "present": False}
    assert body_of(distinct.put(url)) == {**named, "present": True, "fresh": True}
    assert body_of(distinct.put(url)) == {**named, "present": True, "fresh": False}
    assert body_of(distinct.get(url)) == {**named, "present": True}
    assert body_of(distinct.delete(url)) == {**named, "present": False, "cleared": True}
    assert body_of(distinct.delete(url)) == {**named, "present": False, "cleared": False}
    assert body_of(distinct.get(url)) == {**named, "present": False}


def test_many_users_are_set_and_cleared_as_ids_ranges_and_packed(store: Store) -> None:
    distinct, url = Services(store).distinct, "/flags/many/users"
    packed = struct.pack("<3I", 8, 9, 2**20)

    made = body_of(distinct.put(url, json={"users": [7, 8, 8], "ranges": [[100, 200], [150, 250]]}))
    more = body_of(distinct.put(url, data=packed, content_type="application/octet-stream"))
    less = body_of(distinct.delete(url, json={"users": [7, 1], "ranges": [[200, 1000]]}))

    assert made == {"flag": "many", "received": 203, "fresh": 152}
    assert more == {"flag": "many", "received": 3, "fresh": 2}
    assert less == {"flag": "many", "received": 802, "cleared": 51}
    counted = {"flag": "many", "kind": "integers", "count": 103}
    assert body_of(distinct.get("/flags/many/count")) == counted
    assert body_of(distinct.get("/flags")) == {"flags": [counted], "next": None}


def test_any_text_is_flagged_in_a_path_or_a_query(store: Store) -> None:
    in_one_piece(store)
    distinct = Services(store).distinct
    distinct.put("/flags/texts/users?user=a/b")
    distinct.put("/flags/texts/users/7")  # of digits, and yet a text: the flag holds texts
    distinct.put("/flags/texts/users", json={"users": ["ä"]})

    assert body_of(distinct.get("/flags/texts/users"))["users"] == ["a/b", "7", "ä"]
    assert body_of(distinct.get("/flags/texts/users?user=a/b"))["present"] is True
    assert body_of(distinct.get("/flags/texts/users/7"))["user"] == "7"
    assert body_of(distinct.delete("/flags/texts/users?user=a/b"))["cleared"] == 1
    assert body_of(distinct.get("/flags/texts/users?user=a/b"))["present"] is False


def test_members_come_in_pages(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.put("/flags/paged/users", json={"users": [2**32 - 1], "ranges": [[5, 10]]})

    first = body_of(distinct.get("/flags/paged/users?limit=4"))
    second = body_of(distinct.get(f"/flags/paged/users?limit=4&after={first['next']}"))

    assert (first["users"], second["users"]) == ([5, 6, 7, 8], [9, 2**32 - 1])
    assert second["next"] is None


def test_flags_are_listed_in_pages_by_name(store: Store) -> None:
    distinct = Services(store).distinct
    for name in "cab":
        distinct.put(f"/flags/{name}/users/1")

    first = body_of(distinct.get("/flags?limit=2"))
    second = body_of(distinct.get(f"/flags?limit=2&after={first['next']}"))

    assert [flag["flag"] for page in (first, second) for flag in page["flags"]] == ["a", "b", "c"]
    assert second["next"] is None


def test_who_of_a_roster_is_missing(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.put("/flags/roster/users", json={"ranges": [[0, 10]]})
    distinct.post("/events/pings", json={"users": [0, 1, 4, 77]})
    url = "/flags/roster/missing?event=pings&period=hour"

    page = body_of(distinct.get(f"{url}&limit=3"))

    assert (page["count"], page["first"], page["users"], page["next"]) == (7, 2, [2, 3, 5], 5)
    rest = body_of(distinct.get(f"{url}&after=5"))
    assert (rest["first"], rest["users"], rest["next"]) == (2, [6, 7, 8, 9], None)
    assert body_of(distinct.get("/flags/never/missing?event=pings"))["first"] is None


def test_a_flag_is_dropped_and_may_begin_anew(client: Redis) -> None:
    distinct = Services(Store.on(client)).distinct
    distinct.put("/flags/gone/users", json={"ranges": [[0, 3_000_000]]})

    assert body_of(distinct.delete("/flags/gone")) == {"flag": "gone", "dropped": True}

    assert set(client.scan_iter()) == {keys.LAYOUT.encode(), keys.AUDIT.encode()}
    assert body_of(distinct.delete("/flags/gone")) == {"flag": "gone", "dropped": False}
    assert body_of(distinct.put("/flags/gone/users/text"))["fresh"] is True


REFUSED = [
    ("PUT", "/flags/f/users", {}, r"users and ranges are empty"),
    ("DELETE", "/flags/f/users", {"users": []}, r"users.* is \[\]; it must have at least 1 item"),
    ("PUT", "/flags/f/users", {"users": [7, 2**32]}, r"users.*1 is 4294967296; .* at most 4294967295"),
    ("PUT", "/flags/f/users?user=1", {"users": [7]}, r"user is given, and a body too"),
    ("PUT", "/flags/f/users", {"users": ["a"]}, r"flag f has integers \(set by its first user\)"),
    ("PUT", "/flags/f/users", {"users": ["a"], "ranges": [[0, 1]]}, r"a range holds integers"),
    ("PUT", "/flags/f/users", {"ranges": [[0, 1], [5, 5]]}, r"range \[5, 5\] is half open.*start < stop"),
    ("PUT", "/flags/f/users", {"ranges": [[0, 2**32 + 1]]}, r"ranges.0.1 is 4294967297; it must be at most"),
    ("PUT", "/flags/f/users", {"ranges": [[0, 2**32]]}, r"would span 4097 segments .* at most 1024"),
    ("PUT", "/flags/new/users", {"ranges": [[0, 2**32]]}, r"would span 4097 segments .* at most 1024"),
    ("PUT", "/flags/f/users/4294967296", None, r"4294967296 .*4294967295"),
    ("PUT", "/flags/f/users/-1", None, r"user id -1 is out of range"),
    ("PUT", "/flags/new/users/-1", None, r"user id -1 is out of range"),
    ("GET", "/flags/f/users/a", None, r"flag f has integers"),
    ("DELETE", "/flags/f/users/a", None, r"flag f has integers"),
    ("PUT", "/flags/a%20b/users/1", None, r"flag is 'a b'; it must be 1 to 100 of"),
    ("GET", "/flags/f/users?limit=10001", None, r"limit is 10001; it must be at most 10000"),
    ("GET", "/flags/f/users?after=4294967296", None, r"after is 4294967296; it must be at most"),
    ("GET", "/flags/f/missing", None, r"event is missing"),
    ("GET", "/flags/f/missing?event=texts", None, r"flag f holds integers, and event texts texts"),
    ("GET", "/flags/f/missing?event=e&period=hour&at=2020-01-01", None, r"hour 2020-01-01T00.*48 hours"),
]


@pytest.mark.parametrize(("method", "url", "body", "bound"), REFUSED)
def test_what_is_refused_is_said_and_changes_nothing(
    store: Store, client: Redis, method: str, url: str, body: object, bound: str
) -> None:
    distinct = Services(store).distinct
    distinct.put("/flags/f/users/1")
    distinct.post("/events/texts", json={"users": ["a"]})
    before = everything(client)

    problem = problem_of(distinct.open(url, method=method, json=body))

    assert re.search(bound, problem["detail"], re.DOTALL), problem["detail"]
    assert everything(client) == before
