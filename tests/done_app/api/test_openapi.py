"""done_app's OpenAPI document: summaries that are read alone, and examples that can be sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from donebit.completion import failing
from donebit.completion.announcing import announce
from donebit.store import Store
from tests.web.services import Services, body_of

EXAMPLE_ID = "9f2c41d07a3b"
COMMON = {"/health", "/health/live", "/metrics", "/openapi.json", "/docs"}  # of every service


class Operation(NamedTuple):
    method: str
    path: str
    description: dict[str, Any]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.description.get("parameters", [])
        return found


def operations(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method, path, description)
        for path, methods in document["paths"].items()
        if path not in COMMON
        for method, description in methods.items()
    ]


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def body_example(document: dict[str, Any], operation: Operation) -> dict[str, Any] | None:
    if "requestBody" not in operation.description:
        return None
    reference = operation.description["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    model = document["components"]["schemas"][reference.rpartition("/")[2]]
    return {name: schema["example"] for name, schema in model["properties"].items() if "example" in schema}


def test_every_operation_has_a_summary_of_its_own(services: Services) -> None:
    found = operations(body_of(services.done.get("/openapi.json")))

    summaries = {operation.description["summary"] for operation in found}

    assert len(found) >= 19
    assert len(summaries) >= len(found) - 1  # GET and POST of /done are one
    assert [one for one in summaries if len(one.split()) < 3 or "same" in one or "Both" in one] == []


def test_every_parameter_has_a_description_and_an_example(services: Services) -> None:
    found = operations(body_of(services.done.get("/openapi.json")))

    bare = [
        (operation.path, parameter["name"])
        for operation in found
        for parameter in operation.parameters
        if not (parameter.get("description") and "example" in parameter)
    ]

    assert bare == []


def test_every_example_request_runs(services: Services, store: Store) -> None:
    document = body_of(services.done.get("/openapi.json"))
    refused = {}

    for operation in operations(document):
        services.start(200, task_id=EXAMPLE_ID, then={"count": 1})
        if operation.path.endswith("{task_id}/resume"):
            services.done.post(f"/tasks/{EXAMPLE_ID}/steps", json={"ranges": [[0, 199]]})
            failing.fail(store, EXAMPLE_ID, 199, "boom")
        if operation.path.endswith("/redeliver"):
            services.done.post(f"/tasks/{EXAMPLE_ID}/steps", json={"ranges": [[0, 200]]})
            announce(store, EXAMPLE_ID)
        values = {one["name"]: one["example"] for one in operation.parameters}
        query = {one["name"]: values[one["name"]] for one in operation.parameters if one["in"] == "query"}
        headers = {one["name"]: values[one["name"]] for one in operation.parameters if one["in"] == "header"}
        reply = services.done.open(
            operation.path.format(**values),
            method=operation.method.upper(),
            query_string=query,
            headers=headers,
            json=body_example(document, operation),
        )
        if reply.status_code >= 300:
            refused[operation.method, operation.path] = reply.text
        reply.close()
        services.done.delete(f"/tasks/{EXAMPLE_ID}")

    assert refused == {}
