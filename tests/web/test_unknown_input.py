"""Nothing that a route does not know is ignored: every operation of the three documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from donebit import clock
from donebit.activity import permissions
from donebit.activity.events import ingest
from donebit.activity.flags import flag as flags
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.names import EXAMPLE_EVENT
from donebit.store import Store
from tests.activity.arranged import site_on
from tests.completion.arranged import TTLS
from tests.conftest import everything
from tests.web.services import NAMES, Services, body_of, chunked, problem_of

# What each name in a path is in the store below, so that an ignored restriction would do harm.
IN_PATH = {"task_id": "t", "n": "0", "event": "e", "flag": "f", "user": "1", "kind": "doc", "object": "x"}
HARMLESS = [
    "/events/e?period=day&at=2026-11-20",
    "/flags/f?user=1",
    "/distinct?userId=1",
    "/permissions/doc/x?permission=read",
]


class Operation(NamedTuple):
    """One operation of a service's document, with a path of things that exist."""

    service: str
    method: str
    path: str
    described: dict[str, Any]


@pytest.fixture
def filled(real_services: Services, real_store: Store) -> Services:
    """With one of everything that can be deleted."""
    now, site = clock.now(), site_on(real_store)
    lifecycle.start(real_store, TaskSpec(3), task_id="t", ttls=TTLS, max_steps=3)
    for event in ("e", EXAMPLE_EVENT):
        ingest.record(site, event, [1, 2], at=now, now=now)
    flags.set_users(site, "f", [1, 2])
    kind = permissions.name(site, "doc", ["read", "write"])
    permissions.change(site, kind, "x", grant=["read", "write"])
    return real_services


def operations(services: Services) -> Iterator[Operation]:
    for service in NAMES:
        document = body_of(services.of(service).get("/openapi.json"))
        for path, methods in document["paths"].items():
            filled_in = re.sub(r"{(\w+)}", lambda name: IN_PATH.get(name[1], "read"), path)
            for method, described in methods.items():
                yield Operation(service, method.upper(), filled_in, described)


def ask(services: Services, operation: Operation, query: str, **more: Any) -> TestResponse:
    return services.of(operation.service).open(operation.path + query, method=operation.method, **more)


def test_an_unknown_query_parameter_is_refused_by_every_operation(
    filled: Services, real_client: Redis
) -> None:
    before, tried = everything(real_client), 0

    for operation in operations(filled):
        answer = ask(filled, operation, "?colour=red")
        tried += 1

        if operation.path.startswith("/health"):
            assert answer.status_code == 200
            continue
        problem = problem_of(answer)
        assert problem["detail"].startswith("unknown query parameter: colour; it takes"), operation
        assert problem["errors"][0]["field"] == "colour"

    assert tried > 50
    after = everything(real_client)
    after.pop(b"donebit:heartbeat:health")  # /health tries a write
    assert after == before


def test_a_query_parameter_given_twice_is_refused_by_every_operation(
    filled: Services, real_client: Redis
) -> None:
    before, tried = everything(real_client), 0

    for operation in operations(filled):
        for one in operation.described.get("parameters", ()):
            if one["in"] == "query" and not operation.path.startswith("/health"):
                name = one["name"]
                problem = problem_of(ask(filled, operation, f"?{name}=1&{name}=2"))
                assert problem["detail"] == f"{name} is given 2 times; once is enough", operation
                tried += 1

    assert tried > 50
    assert everything(real_client) == before


@pytest.mark.parametrize("has_length", [True, False])
def test_a_body_is_refused_by_every_operation_that_takes_none(
    filled: Services, real_client: Redis, *, has_length: bool
) -> None:
    before, tried = everything(real_client), 0

    for operation in operations(filled):
        if "requestBody" not in operation.described:
            body = {"json": {"users": [1]}} if has_length else chunked(b"{}")
            problem = problem_of(ask(filled, operation, "", **body))
            assert "takes no body, and this request has one" in problem["detail"], operation
            assert problem["errors"][0]["field"] == "body"
            tried += 1

    assert tried > 40
    assert everything(real_client) == before


@pytest.mark.parametrize("address", HARMLESS)
def test_a_restriction_that_is_not_known_deletes_nothing(
    filled: Services, real_client: Redis, address: str
) -> None:
    before = everything(real_client)

    problem_of(filled.distinct.delete(address))

    assert everything(real_client) == before


def test_the_task_is_kept_when_one_of_its_steps_is_to_be_deleted(
    filled: Services, real_client: Redis
) -> None:
    before = everything(real_client)

    problem_of(filled.done.delete("/tasks/t?step=2"))

    assert everything(real_client) == before


def test_an_empty_name_leads_to_no_other_route(filled: Services, real_client: Redis) -> None:
    """As that of a variable which is not set: an estimate was recorded as visits to the event `estimate`."""
    before, tried = everything(real_client), 0

    for operation in operations(filled):
        for name in [one for one in IN_PATH.values() if f"/{one}/" in operation.path]:
            path = operation.path.replace(f"/{name}/", "//", 1)
            answer = filled.of(operation.service).open(path, method=operation.method, json={"users": [5]})

            assert answer.status_code in (404, 405), (operation, answer.text)
            tried += 1

    assert tried > 30
    assert everything(real_client) == before


def test_a_page_ignores_a_query_that_it_does_not_know(filled: Services) -> None:
    assert filled.trigger.get("/?utm_source=mail").status_code == 200


@pytest.mark.parametrize(
    "body",
    ['{{"{0}": 1, "{0}": 2}}', '{{"a": [0, {{"b": {{"{0}": [], "c": 1, "{0}": []}}}}]}}'],
    ids=["at the top", "deep inside"],
)
def test_a_name_twice_in_an_object_is_refused_by_every_operation(
    filled: Services, real_client: Redis, body: str
) -> None:
    before, tried = everything(real_client), 0

    for operation in operations(filled):
        if "application/json" in operation.described.get("requestBody", {}).get("content", {}):
            problem = problem_of(
                ask(filled, operation, "", data=body.format("users"), content_type="application/json")
            )
            assert problem["detail"].startswith("users is given twice in one object"), operation
            assert problem["errors"][0]["field"] == "users"
            tried += 1

    assert tried > 10
    assert everything(real_client) == before


@pytest.mark.parametrize("address", ["/events/e", "/visits"])
def test_a_name_twice_in_a_line_is_refused(filled: Services, real_client: Redis, address: str) -> None:
    before = everything(real_client)
    body = '{"event": "e", "user": 5}\n{"event": "e", "user": 6, "user": 7}\n'
    if address != "/visits":
        body = body.replace('"event": "e", ', "")

    problem = problem_of(filled.distinct.post(address, data=body, content_type="application/x-ndjson"))

    assert problem["detail"].startswith("line 2: user is given twice in one object")
    assert everything(real_client) == before
