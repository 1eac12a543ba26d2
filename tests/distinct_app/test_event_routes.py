"""Events, their retention, their memory and their bitmaps over HTTP."""

from __future__ import annotations

import re
import struct

import pytest
from pyroaring import BitMap
from redis import Redis

from donebit.store import Store
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

LINES = "application/x-ndjson"
BYTES = "application/octet-stream"


def test_events_are_listed_with_their_kind_and_retention(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/b", json={"users": ["x"]})
    distinct.post("/events/a", json={"users": [1]})

    kept = body_of(distinct.put("/events/a/expiry", json={"day": 800}))

    assert body_of(distinct.get("/events")) == {
        "events": [{"event": "a", "kind": "integers"}, {"event": "b", "kind": "texts"}]
    }
    assert kept == body_of(distinct.get("/events/a")) == body_of(distinct.get("/events/a/expiry"))
    assert kept["expiry_days"] == {"hour": 2, "day": 800, "week": 840, "month": 1860}
    assert body_of(distinct.get("/events/never"))["kind"] is None


def test_an_expiry_that_is_left_out_stays_as_it_is(store: Store) -> None:
    distinct = Services(store).distinct

    distinct.put("/events/a/expiry", json={"day": 800})
    kept = body_of(distinct.put("/events/a/expiry", json={"hour": 7}))

    assert kept["expiry_days"] == {"hour": 7, "day": 800, "week": 840, "month": 1860}


def test_setting_the_retention_matrix_is_405_and_names_expiry(store: Store) -> None:
    distinct = Services(store).distinct

    answer = distinct.put("/events/a/retention", json={"day": 800})

    assert "PUT /events/a/expiry" in problem_of(answer, 405)["detail"]
    assert "GET" in answer.headers["Allow"]
    assert body_of(distinct.get("/events/a/expiry"))["expiry_days"]["day"] == 400


@pytest.mark.parametrize("form", ["raw", "roaring", "ids"])
def test_a_bitmap_goes_out_and_in_again_in_every_format(store: Store, form: str) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/a", json={"users": [3, 1_048_448, 70_000]})

    out = distinct.get(f"/events/a/bitmap?period=day&format={form}")
    made = body_of(distinct.post(f"/events/b/bitmap?period=day&format={form}", data=out.data))
    flag = body_of(distinct.put(f"/flags/f/bitmap?format={form}", data=out.data))
    back = distinct.get(f"/flags/f/bitmap?format={form}")

    assert (made["received"], made["fresh"], made["period"]) == (3, 3, "day")
    assert body_of(distinct.get("/events/b/count?period=week"))["count"] == 3
    assert flag == {"flag": "f", "count": 3}
    assert back.data == out.data
    assert out.headers["Content-Type"].startswith(LINES if form == "ids" else BYTES)


def test_what_an_import_would_take_is_told_and_nothing_recorded(store: Store) -> None:
    distinct = Services(store, max_segments=2).distinct

    said = body_of(distinct.post("/events/a/estimate", json={"users": [1, 2, 2**31, 2**32 - 1]}))
    packed = distinct.post("/events/a/estimate", data=struct.pack("<2I", 1, 2), content_type=BYTES)

    assert (said["users"], said["segments"], said["fits"]) == (4, 3, False)
    assert body_of(packed)["fits"] is True
    assert body_of(distinct.get("/events"))["events"] == []


def test_memory_is_told_in_all_and_by_period(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/a", json={"users": [1, 2]})

    said = body_of(distinct.get("/events/a/memory"))

    assert (said["periods"], said["segments"]) == (5, 5)
    assert said["bytes"] == sum(said["by_granularity"].values()) > 0
    assert len(said["largest"]) == 5


FORMATS = "format is missing; it must be 'raw', 'roaring' or 'ids'"
ROARING = BitMap([1, 2, 3]).serialize()
REFUSED = [
    ("POST", "/events/a/bitmap?format=roaring", b"no", "no roaring bitmap in the portable format"),
    ("POST", "/events/a/bitmap?format=ids", b"1\nx\n", r"line 2 is 'x'; it must be an integer"),
    ("POST", "/events/a/bitmap?format=ids", b"true\n", "line 1 is 'true'"),
    ("POST", "/events/a/bitmap?format=ids", b"1\n" + b"[" * 100_000, r"line 2 is '\[\["),
    ("PUT", "/flags/f/bitmap?format=ids", b"[" * 100_000, r"line 1 is '\[\["),
    ("PUT", "/flags/f/bitmap?format=ids", b"9" * 5000, "line 1 is '999"),
    ("POST", f"/distinct?userId={'9' * 5000}", b"", "userId"),
    ("PUT", f"/flags/f/users/{'9' * 5000}", b"", "user"),
    ("DELETE", f"/users/{'9' * 5000}", b"", "user"),
    ("POST", "/events/a/bitmap?format=ids", b'1\n"a"\n', "integers or texts, not both"),
    ("POST", "/events/a/bitmap?format=raw", b"", "the body is empty"),
    ("POST", "/events/a/bitmap?period=day", ROARING, FORMATS),
    ("POST", "/events/a/bitmap", b"1\n2\n3\n", FORMATS),
    ("POST", "/events/a/bitmap", b"user,at\n7,2026-11-20\n", FORMATS),
    ("PUT", "/flags/f/bitmap", b"\x40\n", FORMATS),
    ("POST", "/events/a/bitmap?format=", b"\x40", "format is ''; it must be 'raw', 'roaring' or 'ids'"),
    ("PUT", "/flags/f/bitmap?format=ids", b"", "the body is empty"),
    ("POST", "/events/a/bitmap?format=csv", b"1", "format"),
    ("POST", "/events/a/bitmap?format=raw&period=day&at=2099-01-01", b"\1", "has not begun yet"),
    ("PUT", "/flags/f/bitmap?format=ids", b"-1\n", "user id -1 is out of range"),
    ("PUT", "/events/a/expiry", b'{"day": 0}', "day is 0; it must be"),
    ("PUT", "/events/a/expiry", b'{"year": 1}', "year"),
    ("POST", "/events/a/estimate", b'{"users": ["a"]}', "users are texts"),
    ("POST", "/events/a", b'{"users": [7, 1.5]}', r"^users\.1 is 1\.5; it must be an integer$"),
    ("POST", "/events/a", b'{"users": ["a", ""]}', r"^users\.1 is ''; it must have at least 1 character"),
    ("POST", "/visits", b'{"visits": [{"event": "a", "user": -1}]}', r"^visits\.0\.user is -1; it must be"),
    ("POST", "/events/a", b"{1}", r"^the body is '\{1\}'; it must be a JSON object"),
    ("POST", "/events/a", b'{"users": [%s]}' % (b"9" * 5000), r"999'; an integer has more than 4300 digits$"),
    ("POST", "/events/a", b'{"users": %s}' % (b"[" * 5000), r"; lists and objects are nested too deeply$"),
]


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/csv", "application/gzip"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/flags/f/bitmap"), ("POST", "/events/e/bitmap")])
def test_a_body_that_says_it_is_no_bits_is_not_taken_for_bits(
    store: Store, method: str, path: str, kind: str
) -> None:
    distinct = Services(store).distinct
    body_of(distinct.put("/flags/f/users/7"))

    refused = distinct.open(f"{path}?format=raw", method=method, data=b"--x\r\n7\r\n--x--", content_type=kind)

    assert kind.partition(";")[0] in str(problem_of(refused, 415)["detail"])
    assert body_of(distinct.post("/query", json={"text": "flag:f"}))["count"] == 1


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/flags/f/bitmap?format=raw"), ("POST", "/events/e/bitmap?format=raw&period=all")],
)
def test_bits_are_taken_without_a_type_and_with_that_of_curl(
    store: Store, method: str, path: str, kind: str | None
) -> None:
    """`curl --data-binary`, as the docs have it, says of any body that it is a form."""
    sent = Services(store).distinct.open(path, method=method, data=b"a=1&b", content_type=kind)

    body = body_of(sent)
    assert body.get("count", body.get("received")) == sum(map(int.bit_count, b"a=1&b"))


@pytest.mark.parametrize(("method", "url", "body", "why"), REFUSED)
def test_a_bad_request_is_refused_and_says_why(
    store: Store, method: str, url: str, body: bytes, why: str
) -> None:
    distinct = Services(store).distinct
    kind = "application/json" if body.startswith(b"{") else BYTES

    problem = problem_of(distinct.open(url, method=method, data=body, content_type=kind))

    assert re.search(why, problem["detail"]), problem["detail"]
    assert body_of(distinct.get("/events"))["events"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/events/a/count?"),
        ("GET", "/events/a/users/7?"),
        ("GET", "/events/a/users?user=x"),
        ("GET", "/flags/f/missing?event=a"),
        ("GET", "/events/a/bitmap?"),
        ("POST", "/events/a/bitmap?format=raw"),
    ],
)
def test_a_time_without_a_period_that_holds_it_is_refused(store: Store, method: str, path: str) -> None:
    """All time would be counted, or imported into, where a day was meant."""
    distinct = Services(store).distinct

    body = b"A" if method == "POST" else None
    problem = problem_of(distinct.open(f"{path}&at=2026-11-20", method=method, data=body), 422)

    assert problem["errors"][0]["field"] == "at"
    assert "at needs a period, such as period=day" in problem["detail"]
    assert body_of(distinct.get("/events"))["events"] == []


def test_all_time_that_is_asked_for_by_name_holds_every_time(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/a", json={"users": [3, 70_000]})

    assert body_of(distinct.get("/events/a/count?period=all&at=2026-11-20"))["count"] == 2


def test_a_roaring_bitmap_is_one_that_its_library_reads(store: Store) -> None:
    distinct = Services(store).distinct
    distinct.post("/events/a", json={"users": [3, 70_000]})

    out = distinct.get("/events/a/bitmap?format=roaring")

    assert list(BitMap.deserialize(out.data)) == [3, 70_000]
    assert int(out.headers["Content-Length"]) == len(out.data)


def test_a_text_of_digits_above_the_largest_integer_is_erased(store: Store) -> None:
    distinct = Services(store).distinct
    user = "4294967296"
    distinct.post("/events/a", json={"users": [user, "b"]})

    made = body_of(distinct.delete(f"/users/{user}"))

    assert (made["events"], made["numbers"]) == (["a"], 1)
    assert body_of(distinct.get("/events/a/count"))["count"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/events/a/bitmap?period=all&format=ids"),
        ("PUT", "/flags/a/bitmap?format=ids"),
    ],
)
def test_half_a_character_is_no_user_and_writes_nothing(
    store: Store, real_client: Redis, method: str, path: str
) -> None:
    body = '"a"\n"\\ud800"\n'

    problem = problem_of(Services(store).distinct.open(path, method=method, data=body), 422)

    assert "user '\\ud800' is no text of Unicode characters" in problem["detail"]
    assert everything(real_client) == {}


def test_mapped_integers_that_went_out_come_back(store: Store) -> None:
    distinct = Services(store).distinct
    sparse = {"users": [4294967295, 7, 3000000000]}
    distinct.post("/events/a?ids=mapped", json=sparse)
    distinct.put("/flags/f/users?ids=mapped", json=sparse)
    body = distinct.get("/events/a/bitmap?format=ids&period=all").data

    for event in ("a", "copy"):
        made = distinct.post(f"/events/{event}/bitmap?format=ids&period=all&ids=mapped", data=body)
        assert body_of(made)["received"] == 3
    again = body_of(distinct.post("/events/a/bitmap?format=ids&period=all", data=body))
    flags = [distinct.put(f"/flags/{name}/bitmap?format=ids&ids=mapped", data=body) for name in ("f", "g")]

    assert (again["received"], again["fresh"]) == (3, 0)
    assert [body_of(one)["count"] for one in flags] == [3, 3]
    assert body_of(distinct.put("/flags/g/bitmap?format=ids", data=b"7\n"))["count"] == 1
    assert body_of(distinct.get("/events/copy"))["kind"] == "mapped"
    assert body_of(distinct.get("/events/copy/count"))["count"] == 3
    problem_of(distinct.post("/events/new/bitmap?format=raw&period=all&ids=mapped", data=b"A"), 422)
    problem_of(distinct.post("/events/new/bitmap?format=ids&period=all&ids=texts", data=b"7\n"), 422)
