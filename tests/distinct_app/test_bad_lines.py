"""Bad lines of NDJSON are named by their numbers, up to 20 at once, or skipped."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store
from donebit.store.visits import VisitStore
from tests.activity.periods.test_imported import counted
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

LINES = {"content_type": "application/x-ndjson"}
BAD_OF_EVENT = {
    2: ('{"user": null}', "user is None; it must be an integer"),
    4: ("[7]", "it is '[7]'; it must be a JSON object"),
    5: ('{"user": -1}', "user is -1; it must be at least 0"),
    7: ('{"user": "a"}', "event e has integers (set by its first visit); this batch has texts"),
    8: ('{"user": 8, "at": "2020-01-01"}', "the day 2020-01-01 is no longer kept"),
    9: ('{"user": 9, "at": "2199-01-01T00:00:00+02:00"}', "more than 5 minutes ahead"),
    10: (
        '{"user": 10, "ids": "mapped"}',
        "event e has integers (set by its first visit); this batch has mapped ids",
    ),
    11: ('{"user": 11, "user": 12}', "user is given twice in one object"),
    12: ('{"user": 12', "it must be a JSON object"),
}
SENT_AS = {
    7: "(sent as 'a')",
    8: "(sent as '2020-01-01')",
    9: "(sent as '2199-01-01T00:00:00+02:00')",
    10: "(sent as 10)",
}
# Line 3 is empty, and counted.
MIXED = "\n".join("" if n == 3 else BAD_OF_EVENT.get(n, (f'{{"user": {n}}}', ""))[0] for n in range(1, 14))


def test_every_bad_line_is_named_as_it_was_sent(store: Store, real_client: Redis) -> None:
    problem = problem_of(Services(store).distinct.post("/events/e", data=MIXED, **LINES))

    assert [error["field"] for error in problem["errors"]] == [f"line {number}" for number in BAD_OF_EVENT]
    for error, (number, (_, why)) in zip(problem["errors"], BAD_OF_EVENT.items(), strict=True):
        assert error["detail"].startswith(f"line {number}: ")
        assert why in error["detail"]
        assert error["detail"].endswith(SENT_AS.get(number, ""))
        assert error["detail"] in problem["detail"]
    assert everything(real_client) == {}


@pytest.mark.parametrize("switch", ["1", "true"])
def test_bad_lines_are_skipped_where_that_is_asked_for(store: Store, switch: str) -> None:
    distinct = Services(store).distinct

    made = body_of(distinct.post(f"/events/e?skip_bad={switch}", data=MIXED, **LINES))

    assert (made["received"], made["fresh"], made["skipped"]) == (3, 3, 9)
    assert [line["line"] for line in made["bad_lines"]] == list(BAD_OF_EVENT)
    assert all(BAD_OF_EVENT[line["line"]][1] in line["detail"] for line in made["bad_lines"])
    assert body_of(distinct.get("/events/e/count"))["count"] == 3


def test_bad_lines_of_several_events_are_skipped_too(store: Store) -> None:
    distinct = Services(store).distinct
    visits: list[Any] = [
        {"event": "texts", "user": "a"},
        {"event": "integers", "user": 1},
        {"event": "texts", "user": 2},
        {"event": "integers", "user": "b"},
        {"user": 3},
        {"event": "a b", "user": 4},
    ]
    body = "\n".join(map(json.dumps, visits))

    refused = problem_of(distinct.post("/visits", data=body, **LINES))
    made = body_of(distinct.post("/visits?skip_bad=1", data=body, **LINES))

    assert [error["field"] for error in refused["errors"]] == ["line 3", "line 4", "line 5", "line 6"]
    assert (made["received"], made["skipped"]) == (2, 4)
    assert {day["event"] for day in made["days"]} == {"texts", "integers"}


@pytest.mark.parametrize(
    "bad", ['{"user": -1}', '{"user": 1, "at": "2020-01-01"}'], ids=["by themselves", "for their time"]
)
def test_twenty_bad_lines_are_named_and_all_are_counted(store: Store, bad: str) -> None:
    distinct = Services(store).distinct
    body = "\n".join([bad] * 50 + ['{"user": 1}'])

    refused = problem_of(distinct.post("/events/e", data=body, **LINES))
    made = body_of(distinct.post("/events/e?skip_bad=1", data=body, **LINES))

    first = list(range(1, 21))
    assert [error["field"] for error in refused["errors"]] == [f"line {number}" for number in first]
    assert (made["received"], made["skipped"]) == (1, 50)
    assert [line["line"] for line in made["bad_lines"]] == first


def test_a_body_of_bad_lines_alone_records_nothing(store: Store, real_client: Redis) -> None:
    distinct = Services(store).distinct

    one = body_of(distinct.post("/events/e?skip_bad=1", data='{"user": null}\n', **LINES))
    many = body_of(distinct.post("/visits?skip_bad=1", data="{}\n", **LINES))

    assert (one["received"], one["fresh"], one["skipped"]) == (0, 0, 1)
    assert (many["received"], many["days"], many["skipped"]) == (0, [], 1)
    assert body_of(distinct.get("/events"))["events"] == []
    assert [key for key in everything(real_client) if b"layout" not in key] == []


@pytest.mark.parametrize(
    ("query", "sent", "why"),
    [
        (
            "skip_bad=1",
            {"json": {"users": [1]}},
            "skip_bad needs a body of application/x-ndjson",
        ),
        (
            "skip_bad=1",
            {"data": b"1234", "content_type": "application/octet-stream"},
            "skip_bad needs a body of",
        ),
        ("skip_bad=yes", {"data": MIXED, **LINES}, "skip_bad is 'yes'; it must be 1, true, 0 or false"),
        ("skip_bad=0", {"data": MIXED, **LINES}, "line 2: user is None"),
    ],
)
def test_lines_are_skipped_only_where_there_are_lines(
    store: Store, query: str, sent: dict[str, Any], why: str
) -> None:
    problem = problem_of(Services(store).distinct.post(f"/events/e?{query}", **sent))

    assert problem["detail"].startswith(why)


def test_an_answer_has_nothing_of_skipped_lines_unless_asked(store: Store) -> None:
    made = body_of(Services(store).distinct.post("/events/e", data='{"user": 1}', **LINES))

    assert set(made) == {"event", "received", "fresh", "at"}


def test_lines_of_the_same_hour_count_in_it_whatever_their_seconds(store: Store) -> None:
    distinct = Services(store).distinct
    start = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    times = [start + timedelta(minutes=minute) for minute in (0, 14, 15, 59)]
    later = start + timedelta(hours=1)
    body = "\n".join(
        json.dumps({"user": user, "at": clock.iso(at)}) for user, at in enumerate([*times, later])
    )

    made = body_of(distinct.post("/events/e", data=body, **LINES))

    hours = [
        body_of(distinct.get(f"/events/e/count?period=hour&at={clock.iso(at)}"))["count"]
        for at in (start, later)
    ]
    assert (made["received"], hours) == (5, [4, 1])
    assert made["at"] == clock.iso(later)


def test_each_bad_line_is_named_with_its_own_user(store: Store) -> None:
    distinct = Services(store).distinct
    body = "\n".join(json.dumps({"user": user}) for user in (1, "a", "b", "c"))

    problem = problem_of(distinct.post("/events/e", data=body, **LINES))

    sent = [error["detail"].rpartition(" (")[2] for error in problem["errors"]]
    assert sent == ["sent as 'a')", "sent as 'b')", "sent as 'c')"]


@pytest.mark.parametrize("skip", ["", "&skip_bad=1"])
@pytest.mark.parametrize("path", ["/events/e", "/visits"])
@pytest.mark.parametrize("at", ["noon", "2020-01-01", "2199-01-01", "0001-01-01"])
def test_a_bad_time_of_the_query_is_no_fault_of_lines(store: Store, at: str, path: str, skip: str) -> None:
    body = "\n".join(
        f'{{"event": "e", "user": {user}}}' if path == "/visits" else f'{{"user": {user}}}' for user in (1, 2)
    )

    problem = problem_of(Services(store).distinct.post(f"{path}?at={at}{skip}", data=body, **LINES))

    assert [error["field"] for error in problem["errors"]] == ["at"]
    assert "line" not in problem["detail"]


@pytest.mark.parametrize(("number", "round_trips"), [(2, 2), (1000, 2), (1001, 0)])
def test_events_of_lines_are_counted_before_they_are_read_together(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, round_trips: int
) -> None:
    asked = Counter[str]()
    for name in ("about", "about_each"):
        monkeypatch.setattr(VisitStore, name, counted(asked, VisitStore, name))
    body = "\n".join(f'{{"event": "e{place}", "user": 1}}' for place in range(number))

    answer = Services(store).distinct.post("/visits", data=body, **LINES)

    assert answer.status_code == (200 if round_trips else 422)
    assert asked.total() == round_trips
