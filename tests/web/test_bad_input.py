"""A request that is refused names the value and its bound, and changes nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.activity.events import ingest
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.activity.arranged import site_on
from tests.completion.arranged import TTLS
from tests.conftest import everything
from tests.web.services import Services, problem_of

Bodies = list[tuple[Any, str]]
LONG = "a" * 101
NAMES = "it must be 1 to 100 of A-Z a-z 0-9 . _ -, but not . or ..$"
DEEP = "[" * 30_000 + "]" * 30_000  # within the limit of a small body

QUERIES = [
    ("trigger", "GET", "/trigger/done?count=-1", r"count is -1; it must be 0 to 10000000"),
    ("trigger", "POST", "/trigger/done?count=ten", r"count is 'ten'; it must be an integer"),
    ("trigger", "POST", "/trigger/done?count=10000001", r"count is 10000001; it must be 0 to 10000000"),
    ("trigger", "POST", "/trigger/done", r"count is missing"),
    ("trigger", "POST", "/trigger/done?count=1.5", r"count is '1.5'; it must be an integer"),
    (
        "trigger",
        "POST",
        "/trigger/done?count=" + "9" * 5000,
        r"count is '999.*99'; .* at most 100 of the digits 0-9",
    ),
    (
        "trigger",
        "POST",
        "/trigger/done?count=1&sleep_ms=60001",
        r"sleep_ms is 60001; it must be at most 60000",
    ),
    ("trigger", "POST", "/trigger/done?count=1&sleep_ms=-1", r"sleep_ms is -1; it must be at least 0"),
    (
        "trigger",
        "POST",
        "/trigger/done?count=1&colour=red",
        r"unknown query parameter: colour; it takes count, sleep_ms",
    ),
    ("trigger", "POST", "/trigger/distinct?count=-1", r"count is -1; it must be 0 to 10000000"),
    ("done", "PUT", "/tasks/known/steps/3", r"step 3 .* 0 to 2"),
    ("done", "PUT", "/tasks/known/steps/-1", r"n is -1; it must be at least 0"),
    ("done", "PUT", "/tasks/known/steps/x", r"n is 'x'; it must be an integer"),
    ("done", "PUT", "/tasks/known/steps/4294967296", r"n is 4294967296; it must be at most 4294967295"),
    ("done", "POST", "/done?taskId=known&stepNumber=3", r"step 3 .* 0 to 2"),
    ("done", "GET", "/done?taskId=known&stepNumber=-1", r"stepNumber is -1; it must be at least 0"),
    ("done", "POST", "/done?taskId=known", r"stepNumber is missing"),
    ("done", "GET", f"/tasks/{LONG}", rf"task_id is '{LONG}'; {NAMES}"),
    ("done", "GET", "/tasks/a%00", rf"task_id is 'a.x00'; {NAMES}"),
    ("done", "GET", "/tasks/a%0A", rf"task_id is 'a.n'; {NAMES}"),
    ("done", "GET", "/tasks/%ED%A0%80", rf"task_id is .*; {NAMES}"),
    ("done", "GET", "/tasks?limit=0", r"limit is 0; it must be at least 1"),
    ("done", "GET", "/tasks?limit=501", r"limit is 501; it must be at most 500"),
    (
        "done",
        "GET",
        "/tasks?state=lost",
        r"state is 'lost'; it must be 'running', 'done', 'failed' or 'cancelled'",
    ),
    ("done", "GET", "/tasks?cursor=x", r"cursor is 'x'"),
    ("done", "GET", "/tasks/known/missing?after=-1", r"after is -1; it must be at least 0"),
    ("done", "GET", "/tasks/known/missing?limit=10001", r"limit is 10001; it must be at most 10000"),
    ("distinct", "POST", "/distinct?userId=-1", r"userId is -1; it must be at least 0"),
    (
        "distinct",
        "GET",
        "/distinct?userId=4294967296",
        r"userId is 4294967296; it must be at most 4294967295",
    ),
    ("distinct", "POST", "/distinct?userId=true", r"userId is 'true'; it must be an integer"),
    ("distinct", "POST", "/distinct", r"userId is missing"),
    (
        "distinct",
        "GET",
        "/events/e/count?period=year",
        r"period is 'year'; it must be 'hour', 'day', 'week', 'month' or 'all'",
    ),
    ("distinct", "GET", "/events/e/count?at=never", r"at is 'never'; it must be a date or time, ISO 8601"),
    (
        "distinct",
        "GET",
        "/events/e/count?at=2026-02-30",
        r"at is '2026-02-30'; it must be a date or time, ISO 8601",
    ),
    ("distinct", "GET", "/events/e/lifecycle?from=9999-12-31", r"^from is in the year 9999; .* 1900 to 9000"),
    ("distinct", "GET", "/events/e/count?period=hour&at=2020-01-01", r"hour 2020-01-01T00.*48 hours"),
    ("distinct", "GET", "/events/e/count?period=day&at=2020-01-01", r"day 2020-01-01 .*400 days"),
    (
        "distinct",
        "GET",
        "/events/e/count?period=week&at=9999-12-31",
        r"the year 9999; it must be .* to 9000",
    ),
    (
        "distinct",
        "GET",
        "/events/e/users/7?period=month&at=9999-12-31",
        r"the year 9999; it must be .* to 9000",
    ),
    ("distinct", "GET", f"/events/{LONG}/count", rf"event is '{LONG}'; {NAMES}"),
    ("done", "GET", "/tasks/..", rf"task_id is '..'; {NAMES}"),
    ("done", "PUT", "/tasks/./steps/0", rf"task_id is '.'; {NAMES}"),
    ("done", "GET", "/tasks?label=..", rf"label is '..'; {NAMES}"),
    ("distinct", "GET", "/events/../count", rf"event is '..'; {NAMES}"),
    ("distinct", "PUT", "/flags/./users/1", rf"flag is '.'; {NAMES}"),
    ("distinct", "GET", "/events/a%20b/count", rf"event is 'a b'; {NAMES}"),
    (
        "distinct",
        "GET",
        f"/events/e/users/{'u' * 201}",
        r"user is 'uu.*'; it must have at most 200 characters",
    ),
    ("distinct", "GET", "/events/e/users/4294967296", r"4294967296 .*4294967295"),
    ("distinct", "GET", "/events/e/users?user=text", r"event e holds integers, and 'text' is not one"),
    ("distinct", "GET", "/events/e/users", r"user is missing"),
]

TASKS: Bodies = [
    ({"count": -1}, r"count is -1; it must be 0 to 10000000"),
    ({"count": 1, "task_id": ".."}, rf"task_id is '..'; {NAMES}"),
    ({"count": 1, "label": "."}, rf"label is '.'; {NAMES}"),
    ({"count": 1, "job": ".."}, rf"job is '..'; {NAMES}"),
    ({"count": True}, "count is True; it must be an integer"),
    ({"count": 1.5}, "count is 1.5; it must be an integer"),
    ({"count": None}, "count is missing; only an open task may leave it out"),
    ({"count": 10**400}, r"count is 1000"),
    ({"count": float("inf")}, "Infinity is no JSON number"),
    ({}, r"count is missing"),
    ({"count": 1, "colour": "red"}, r"unknown field: colour"),
    ({"count": 1, "job": "nobody"}, r"nobody"),
    ({"count": 1, "job": "no\0"}, rf"job is 'no.x00'; {NAMES}"),
    ({"count": 1, "job": "demo", "params": {"sleep_ms": 60001}}, r"sleep_ms.*60000"),
    ({"count": 1, "job": "demo", "params": {"\ud800": 1}}, r"params of job demo"),
    ({"count": 1, "params": {"a": 1}}, r"params are given, but no job"),
    ({"count": 1, "label": "\ud800"}, rf"label is .*; {NAMES}"),
    ({"count": 1, "task_id": LONG}, rf"task_id is '{LONG}'; {NAMES}"),
    ({"count": 1, "batch": 0}, "batch is 0; it must be at least 1"),
    ({"count": 10**7, "batch": 1}, r"batch is 1, which makes more than"),
    ({"count": 1, "stall_after": 0}, "stall_after is 0; it must be at least 1"),
    ({"count": 1, "stall_after": 1e-9}, "stall_after is 1e-09; it must be at least 1"),
    ({"count": 1, "stall_after": 10**400}, "stall_after is 1000.*; it must be"),
    ({"count": 1, "stall_after": float("nan")}, "NaN is no JSON number"),
    ({"count": 1, "stall_after": True}, "stall_after is True; it must be a number"),
    ({"count": 1, "stall_after": "60"}, "stall_after is '60'; it must be a number"),
    ({"count": "7"}, "count is '7'; it must be an integer"),
    ({"count": 1.0}, "count is 1.0; it must be an integer"),
    ({"count": 1, "label": 7}, "label is 7; it must be a text"),
    ({"count": 1, "params": [7]}, r"params is \[7\]; it must be an object"),
    ({"count": 1, "job": "demo", "params": {"sleep_ms": "7"}}, "params of job demo: sleep_ms"),
    ({"count": 1, "job": "demo", "params": {"sleep_ms": True}}, "params of job demo: sleep_ms"),
]
STEPS: Bodies = [
    ({"steps": [0, 3]}, r"step 3 .* 0 to 2"),
    ({"steps": [0, -1]}, "steps.1 is -1; it must be at least 0"),
    ({"steps": [False]}, "steps.0 is False; it must be an integer"),
    ({"steps": [0], "ranges": [[1, 4]]}, r"step \d .* 0 to 2"),
    ({"ranges": [[0, 1], [2, 2]]}, r"range \[2, 2\) is empty"),
    ({"ranges": [[2, 1]]}, r"range \[2, 1\).*backwards"),
    ({"ranges": [[1]]}, "ranges.0.1 is missing"),
    ({"steps": []}, r"at least one step or range"),
    ({"steps": [0] * 10_001}, r"steps is \[0, 0.*\]; it must have at most 10000 items"),
    ({"steps": ["0"]}, "steps.0 is '0'; it must be an integer"),
    ({"steps": [0.0]}, "steps.0 is 0.0; it must be an integer"),
    ({"steps": 0}, "steps is 0; it must be a list"),
    ({"ranges": [0]}, "ranges.0 is 0; it must be a list"),
    ({"ranges": [[0, 1, 2]]}, r"ranges.0 is \[0, 1, 2\]; it must have at most 2 items"),
    ({"steps": [0] * 5001, "ranges": [[0, 1]] * 5000}, r"10001 steps and ranges.*10000"),
]
VISITS: Bodies = [
    ({"users": [7, 2**32]}, r"users.*1 is 4294967296; it must be at most 4294967295"),
    ({"users": [7, -1]}, r"users.*1 is -1; it must be at least 0"),
    ({"users": [7, "a"]}, r"users is \[7, 'a'\]; it must be all integers or all texts"),
    ({"users": [False]}, r"users.*0 is False; it must be an integer"),
    ({"users": ["\ud800"]}, r"users.*0 is .*; it must be a text of Unicode characters"),
    ({"users": ["a-text"]}, r"event e has integers"),
    ({"users": ["u" * 201]}, r"users.*0 is 'uu.*'; it must have at most 200 characters"),
    ({"users": [""]}, r"users.*0 is ''; it must have at least 1 character"),
    ({"users": []}, r"users.* is \[\]; it must have at least 1 item"),
    ({"users": None}, r"users.* is None; it must be a list"),
    ({"users": [7], "at": "yesterday"}, "at is 'yesterday'; it must be a date or time, ISO 8601"),
    ({"users": [7], "at": 0}, "at is 0; it must be a date or time"),
    ({"users": [7], "at": "9999-12-31"}, r"at is 9999-12-31.*5 minutes ahead"),
    ({"users": [7], "at": "2020-01-01"}, r"2020-01-01 .*400 days"),
]
BODIES = [
    *(("trigger", "/tasks", body, bound) for body, bound in TASKS),
    *(("done", "/tasks/known/steps", body, bound) for body, bound in STEPS),
    *(("distinct", "/events/e", body, bound) for body, bound in VISITS),
]
TAKES_JSON = [("trigger", "/tasks"), ("done", "/tasks/known/steps"), ("distinct", "/events/e")]
NO_OBJECTS = [
    "{bad",
    "",
    "[]",
    "null",
    "7",
    b"\xff",
    DEEP,
    '{"count":' + DEEP + "}",
    '{"a":' + "9" * 5000 + "}",
    json.dumps('{"count": 3, "steps": [0], "users": [7]}'),
]
NO_INTEGERS = [
    "1_0",
    "1.0",
    "+5",
    "%2B5",
    "%205",
    "5%20",
    "5%0A",
    "%EF%BC%91%EF%BC%90",
    "%D9%A3",
    "-0",
    "0x5",
    "1e1",
    "%20",
]
TAKES_INTEGERS = [
    ("trigger", "POST", "/trigger/done?count={}"),
    ("trigger", "POST", "/trigger/done?count=1&sleep_ms={}"),
    ("done", "PUT", "/tasks/known/steps/{}"),
    ("done", "POST", "/done?taskId=known&stepNumber={}"),
    ("done", "GET", "/tasks?limit={}"),
    ("done", "GET", "/tasks/known/missing?after={}"),
    ("distinct", "POST", "/distinct?userId={}"),
]


@pytest.fixture
def known(real_services: Services, real_store: Store) -> Services:
    """With a task of three steps and an event of one user."""
    now = clock.now()
    lifecycle.start(real_store, TaskSpec(3), task_id="known", ttls=TTLS, max_steps=3)
    ingest.record(site_on(real_store), "e", [1], at=now, now=now)
    return real_services


def says(problem: dict[str, Any], bound: str) -> None:
    assert re.search(bound, problem["detail"], re.DOTALL), problem["detail"]


@pytest.mark.parametrize(("service", "method", "url", "bound"), QUERIES)
def test_a_bad_address_is_refused(
    known: Services, real_client: Redis, service: str, method: str, url: str, bound: str
) -> None:
    before = everything(real_client)

    problem = problem_of(known.of(service).open(url, method=method))

    says(problem, bound)
    assert problem["errors"]
    assert everything(real_client) == before


@pytest.mark.parametrize(("service", "method", "url"), TAKES_INTEGERS)
def test_an_integer_of_an_address_is_written_in_plain_digits(
    known: Services, real_client: Redis, service: str, method: str, url: str
) -> None:
    before = everything(real_client)

    for written in NO_INTEGERS:
        answer = known.of(service).open(url.format(written), method=method)
        says(problem_of(answer), "it must be an integer")

    assert everything(real_client) == before


@pytest.mark.parametrize(("service", "url", "body", "bound"), BODIES)
def test_a_bad_body_is_refused_as_a_whole(
    known: Services, real_client: Redis, service: str, url: str, body: Any, bound: str
) -> None:
    before = everything(real_client)

    problem = problem_of(known.of(service).post(url, data=json.dumps(body), content_type="application/json"))

    says(problem, bound)
    assert everything(real_client) == before


@pytest.mark.parametrize(("service", "url"), TAKES_JSON)
@pytest.mark.parametrize("body", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_a_body_that_is_no_json_object_is_refused(
    known: Services, real_client: Redis, service: str, url: str, body: str | bytes
) -> None:
    before = everything(real_client)

    problem = problem_of(known.of(service).post(url, data=body, content_type="application/json"))

    says(problem, "body|JSON|count|a: ")
    assert everything(real_client) == before


@pytest.mark.parametrize(("service", "url"), TAKES_JSON)
@pytest.mark.parametrize("body", [r'{"\ud800": 1}', r'{"\ud800": 1, "\ud800": 2}'], ids=["unknown", "twice"])
def test_a_field_named_by_half_a_character_is_refused(
    known: Services, service: str, url: str, body: str
) -> None:
    problem = problem_of(known.of(service).post(url, data=body, content_type="application/json"))

    says(problem, r"\\ud800")


@pytest.mark.parametrize(("service", "url"), TAKES_JSON)
def test_json_under_another_content_type_is_refused(known: Services, service: str, url: str) -> None:
    answer = known.of(service).post(url, data='{"count": 1, "steps": [0], "users": [7]}')

    says(problem_of(answer), "application/json")


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\0\0\0\2"])
def test_a_packed_body_cut_short_is_refused(known: Services, real_client: Redis, body: bytes) -> None:
    before = everything(real_client)

    answer = known.distinct.post("/events/e", data=body, content_type="application/octet-stream")

    says(problem_of(answer), rf"4 bytes each; this one has {len(body)} bytes")
    assert everything(real_client) == before


def test_a_visit_may_be_five_minutes_ahead_and_no_more(known: Services, real_client: Redis) -> None:
    now = clock.now()
    before = everything(real_client)

    far = known.distinct.post("/events/e", json={"users": [7], "at": clock.iso(now + timedelta(minutes=6))})

    says(problem_of(far), "more than 5 minutes ahead")
    assert everything(real_client) == before
    near = {"users": [7], "at": clock.iso(now + timedelta(minutes=4))}
    assert known.distinct.post("/events/e", json=near).status_code == 200


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "/tasks/never"),
        ("GET", "/tasks/never/missing"),
        ("GET", "/tasks/never/bitmap"),
        ("GET", "/tasks/never/events"),
        ("PUT", "/tasks/never/steps/0"),
        ("POST", "/done?taskId=never&stepNumber=0"),
        ("POST", "/tasks/never/cancel"),
        ("DELETE", "/tasks/never"),
    ],
)
def test_an_unknown_task_is_404_and_makes_no_key(
    real_services: Services, real_client: Redis, method: str, url: str
) -> None:
    problem = problem_of(real_services.done.open(url, method=method), 404)

    says(problem, "no task never is known, or it has expired")
    assert everything(real_client) == {}


@pytest.mark.parametrize(("service", "url"), TAKES_JSON)
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_a_body_above_the_limit_is_refused(
    real_store: Store, real_client: Redis, service: str, url: str, kind: str
) -> None:
    small = Services(real_store, max_body_bytes=100)

    answer = small.of(service).post(url, data=b"1" * 104, content_type=kind)

    problem_of(answer, *((413,) if kind == "application/json" or service == "distinct" else (413, 422)))
    assert everything(real_client) == {}


def test_a_method_that_is_not_there_is_a_problem_too(services: Services) -> None:
    problem = problem_of(services.trigger.open("/tasks", method="PATCH"), 405)
    # Sent by who has the addresses of two services the wrong way round.
    swapped = problem_of(services.done.post("/tasks", json={"count": 1}), 405)

    assert problem["detail"] == "PATCH is not allowed at '/tasks' of trigger_app, which takes OPTIONS, POST"
    assert swapped["detail"] == "POST is not allowed at '/tasks' of done_app, which takes GET, HEAD, OPTIONS"


@pytest.mark.parametrize("service", ["trigger", "done", "distinct"])
def test_a_wrong_address_is_refused_with_the_name_of_the_service(services: Services, service: str) -> None:
    problem = problem_of(services.of(service).get("/nowhere/at all"), 404)

    assert (
        problem["detail"] == f"nothing is at '/nowhere/at all'; /docs/ lists the addresses of {service}_app"
    )
