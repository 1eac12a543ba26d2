"""Every operation's documented request example is sent to its service, which must not refuse it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from redis import Redis

from donebit import clock
from donebit.store import Store
from tests.web.services import Services, body_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # the day of the documented examples
COVERED = ("distinct",)
SCHEMA_KEYS = ("anyOf", "oneOf", "allOf")

# What the examples need in the store; documents do not describe it.
PRECONDITIONS = {
    "distinct": [
        ("POST", "/events/active", {"users": [7, 8]}),
        ("PUT", "/flags/newsletter/users", {"users": [7]}),
        ("PUT", "/flags/staff/users", {"users": [8]}),
        ("PUT", "/permissions/report", {"permissions": ["read", "write", "share"]}),
    ],
}
# Operations whose example user is a text: the event must hold texts.
OF_TEXTS = {"/events/{event}/timeline", "/events/{event}/streak", "/events/{event}/users"}


class Operation(NamedTuple):
    """One operation of a service's document."""

    method: str
    path: str
    described: dict[str, Any]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield Operation(method.upper(), path, described)


class Examples:
    """The examples of a document's schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas = document.get("components", {}).get("schemas", {})

    def of(self, schema: dict[str, Any]) -> Any:
        """The example of a schema, or one made of its parts' examples; None without any."""
        if "$ref" in schema:
            return self.of(self.schemas[schema["$ref"].rpartition("/")[2]])
        if "examples" in schema:
            return schema["examples"][0]
        if "example" in schema:
            return schema["example"]
        if "properties" in schema:
            return self.of_object(schema)
        parts = (self.of(part) for key in SCHEMA_KEYS for part in schema.get(key, ()))
        return next((part for part in parts if part is not None), None)

    def of_object(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The example of each property that has one."""
        made = {name: self.of(part) for name, part in schema["properties"].items()}
        return {name: value for name, value in made.items() if value is not None}

    def of_parameter(self, parameter: dict[str, Any]) -> Any:
        schema = parameter.get("schema", {})
        return parameter.get("example", self.of(schema))

    def url(self, operation: Operation) -> str:
        """The path and query of the example; a required parameter without an example fails the test."""
        path, query = operation.path, {}
        for parameter in operation.described.get("parameters", ()):
            value = self.of_parameter(parameter)
            if value is None:
                assert not parameter.get("required"), f"{operation[:2]}: {parameter['name']} has no example"
            elif parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", str(value))
            elif parameter["in"] == "query" and parameter.get("required"):
                query[parameter["name"]] = value
        return f"{path}?{urlencode(query)}" if query else path

    def body(self, operation: Operation) -> tuple[bytes | None, str | None]:
        """The body of the example and its media type."""
        content = operation.described.get("requestBody", {}).get("content", {})
        if not content:
            return None, None
        kind = next(iter(content))
        value = content[kind].get("example", self.of(content[kind]["schema"]))
        assert value is not None, f"{operation[:2]}: the body has no example"
        if kind == "application/json":
            return json.dumps(value).encode(), kind
        return value.encode(), kind


@pytest.fixture(params=COVERED)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def arranged(real_store: Store, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services at the moment of the documented examples."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return Services(real_store)


def arrange(services: Services, server: Redis, service: str, operation: Operation) -> None:
    """Give the service what the example needs, and nothing that another example has left."""
    server.flushdb()
    for method, url, body in PRECONDITIONS.get(service, []):
        body_of(services.of(service).open(url, method=method, json=body))
    if operation.path in OF_TEXTS:
        services.of(service).delete("/events/active")
        body_of(services.of(service).post("/events/active", json={"users": ["ada@example.org"]}))


def test_every_documented_example_is_accepted(arranged: Services, real_client: Redis, service: str) -> None:
    client = arranged.of(service)
    document = body_of(client.get("/openapi.json"))
    examples, refused = Examples(document), {}

    for operation in operations(document):
        arrange(arranged, real_client, service, operation)
        body, kind = examples.body(operation)
        answer = client.open(examples.url(operation), method=operation.method, data=body, content_type=kind)
        if answer.status_code >= 400:
            refused[f"{operation.method} {examples.url(operation)}"] = answer.text

    assert refused == {}


def test_every_operation_has_a_summary_that_reads_alone(arranged: Services, service: str) -> None:
    document = body_of(arranged.of(service).get("/openapi.json"))

    summaries = {f"{one.method} {one.path}": one.described.get("summary", "") for one in operations(document)}

    assert {
        name: text for name, text in summaries.items() if len(text) < 10 or text.startswith("The same")
    } == {}
