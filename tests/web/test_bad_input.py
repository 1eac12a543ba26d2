"""A request that is refused names the value and its bound, and changes nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from shared import clock
from shared.activity import ingest
from shared.completion import lifecycle
from shared.completion.task import Order
from shared.store import Store
from tests.web.services import Services, everything, problem_of

Bodies = list[tuple[Any, str]]
LONG = "a" * 101
DEEP = "[" * 100_000 + "]" * 100_000

QUERIES = [
    ("trigger", "POST", "/trigger/done?count=0", r"count is 0; it must be 1 to 10000000"),
    ("trigger", "GET", "/trigger/done?count=-1", r"count is -1; it must be 1 to 10000000"),
    ("trigger", "POST", "/trigger/done?count=ten", r"count: .*integer.*'ten'"),
    ("trigger", "POST", "/trigger/done?count=10000001", r"count is 10000001; it must be 1 to 10000000"),
    ("trigger", "POST", "/trigger/done", r"count: Field required"),
    ("trigger", "POST", "/trigger/done?count=1.5", r"count: .*'1.5'"),
    ("trigger", "POST", "/trigger/done?count=" + "9" * 5000, r"count: .*exceeded maximum size"),
    ("trigger", "POST", "/trigger/done?count=1&sleep_ms=60001", r"sleep_ms: .*60000.*60001"),
    ("trigger", "POST", "/trigger/done?count=1&sleep_ms=-1", r"sleep_ms: .*0.*-1"),
    ("trigger", "POST", "/trigger/done?count=1&colour=red", r"colour: .*not permitted"),
    ("trigger", "POST", "/trigger/distinct?count=0", r"count is 0; it must be 1 to 10000000"),
    ("done", "PUT", "/tasks/known/steps/3", r"step 3 .* 0 to 2"),
    ("done", "PUT", "/tasks/known/steps/-1", r"n: .*0.*-1"),
    ("done", "PUT", "/tasks/known/steps/x", r"n: .*integer.*'x'"),
    ("done", "PUT", "/tasks/known/steps/4294967296", r"n: .*4294967295.*4294967296"),
    ("done", "POST", "/done?taskId=known&stepNumber=3", r"step 3 .* 0 to 2"),
    ("done", "GET", "/done?taskId=known&stepNumber=-1", r"stepNumber: .*0.*-1"),
    ("done", "POST", "/done?taskId=known", r"stepNumber: Field required"),
    ("done", "GET", f"/tasks/{LONG}", r"task_id: .*1,100"),
    ("done", "GET", "/tasks/a%00", r"task_id: .*x00"),
    ("done", "GET", "/tasks/a%0A", r"task_id: .*pattern"),
    ("done", "GET", "/tasks/%ED%A0%80", r"task_id: .*pattern"),
    ("done", "GET", "/tasks?limit=0", r"limit: .*1; it is '0'"),
    ("done", "GET", "/tasks?limit=501", r"limit: .*500; it is '501'"),
    ("done", "GET", "/tasks?state=lost", r"state: .*'running'.*'lost'"),
    ("done", "GET", "/tasks?cursor=x", r"cursor is 'x'"),
    ("done", "GET", "/tasks/known/missing?after=-1", r"after: .*0; it is '-1'"),
    ("done", "GET", "/tasks/known/missing?limit=10001", r"limit: .*10000; it is '10001'"),
    ("distinct", "POST", "/distinct?userId=-1", r"userId: .*0; it is '-1'"),
    ("distinct", "GET", "/distinct?userId=4294967296", r"userId: .*4294967295; it is '4294967296'"),
    ("distinct", "POST", "/distinct?userId=true", r"userId: .*'true'"),
    ("distinct", "POST", "/distinct", r"userId: Field required"),
    ("distinct", "GET", "/events/e/count?period=year", r"period: .*'hour', 'day', 'week', 'month' or 'all'"),
    ("distinct", "GET", "/events/e/count?at=never", r"at: .*'never'"),
    ("distinct", "GET", "/events/e/count?at=2026-02-30", r"at: .*'2026-02-30'"),
    ("distinct", "GET", "/events/e/count?period=hour&at=2020-01-01", r"hour 2020-01-01T00.*48 hours"),
    ("distinct", "GET", "/events/e/count?period=day&at=2020-01-01", r"day 2020-01-01 .*400 days"),
    ("distinct", "GET", "/events/e/count?period=week&at=9999-12-31", r"at is 9999-12-31.*10000"),
    ("distinct", "GET", "/events/e/users/7?period=month&at=9999-12-31", r"at is 9999-12-31.*10000"),
    ("distinct", "GET", f"/events/{LONG}/count", r"event: .*1,100"),
    ("distinct", "GET", "/events/a%20b/count", r"event: .*'a b'"),
    ("distinct", "GET", f"/events/e/users/{'u' * 201}", r"user: .*200 characters"),
    ("distinct", "GET", "/events/e/users/4294967296", r"4294967296 .*4294967295"),
    ("distinct", "GET", "/events/e/users?user=text", r"event e holds integers; 'text'"),
    ("distinct", "GET", "/events/e/users", r"user: Field required"),
]

TASKS: Bodies = [
    ({"count": 0}, r"count is 0; it must be 1 to 10000000"),
    ({"count": True}, r"count: .*not true or false"),
    ({"count": 1.5}, r"count: .*1.5"),
    ({"count": None}, r"count: .*None"),
    ({"count": 10**400}, r"count is 1000"),
    ({"count": float("inf")}, r"count: .*finite"),
    ({}, r"count: Field required"),
    ({"count": 1, "colour": "red"}, r"colour: .*not permitted"),
    ({"count": 1, "job": "nobody"}, r"nobody"),
    ({"count": 1, "job": "no\0"}, r"job: .*x00"),
    ({"count": 1, "job": "demo", "params": {"sleep_ms": 60001}}, r"sleep_ms.*60000"),
    ({"count": 1, "job": "demo", "params": {"\ud800": 1}}, r"params of job demo"),
    ({"count": 1, "params": {"a": 1}}, r"params are given, but no job"),
    ({"count": 1, "label": "\ud800"}, r"label: .*ud800"),
    ({"count": 1, "task_id": LONG}, r"task_id: .*1,100"),
    ({"count": 1, "batch": 0}, r"batch: .*1; it is 0"),
    ({"count": 10**7, "batch": 1}, r"batch is 1, which makes more than"),
    ({"count": 1, "stall_after": 0}, r"stall_after: .*0; it is 0"),
    ({"count": 1, "stall_after": float("nan")}, r"stall_after: .*nan"),
]
STEPS: Bodies = [
    ({"steps": [0, 3]}, r"step 3 .* 0 to 2"),
    ({"steps": [0, -1]}, r"steps.1: .*0; it is -1"),
    ({"steps": [False]}, r"steps.0: .*not true or false"),
    ({"steps": [0], "ranges": [[1, 4]]}, r"step \d .* 0 to 2"),
    ({"ranges": [[0, 1], [2, 2]]}, r"range \[2, 2\) is empty"),
    ({"ranges": [[2, 1]]}, r"range \[2, 1\).*backwards"),
    ({"ranges": [[1]]}, r"ranges.0"),
    ({"steps": []}, r"at least one step or range"),
    ({"steps": [0] * 10_001}, r"steps: .*10000 items"),
    ({"steps": [0] * 5001, "ranges": [[0, 1]] * 5000}, r"10001 steps and ranges.*10000"),
]
VISITS: Bodies = [
    ({"users": [7, 2**32]}, r"users.*1: .*4294967295; it is 4294967296"),
    ({"users": [7, -1]}, r"users.*1: .*0; it is -1"),
    ({"users": [7, "a"]}, r"users: .*not both"),
    ({"users": [False]}, r"users.*0: .*not true or false"),
    ({"users": ["\ud800"]}, r"users.*0: .*ud800"),
    ({"users": ["a-text"]}, r"event e holds integers"),
    ({"users": ["u" * 201]}, r"users.*0: .*200 characters"),
    ({"users": [""]}, r"users.*0: .*1 character"),
    ({"users": []}, r"users.*1 item"),
    ({"users": None}, r"users.*None"),
    ({"users": [7], "at": "yesterday"}, r"at: .*'yesterday'"),
    ({"users": [7], "at": 0}, r"at: .*it is 0"),
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
]


@pytest.fixture
def known(real_services: Services, real_store: Store) -> Services:
    """With a task of three steps and an event of one user."""
    now = clock.now()
    lifecycle.start(real_store, Order(3), task_id="known", max_steps=3)
    ingest.record(real_store, "e", [1], at=now, now=now, max_segments=1)
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


@pytest.mark.parametrize(
    ("service", "method", "url"), [("trigger", "PATCH", "/tasks"), ("done", "GET", "/x")]
)
def test_what_is_not_there_is_a_problem_too(services: Services, service: str, method: str, url: str) -> None:
    problem_of(services.of(service).open(url, method=method), 404, 405)
