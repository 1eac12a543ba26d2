"""What a service's OpenAPI document says of its operations, and the requests made of its examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

SCHEMA_KEYS = ("anyOf", "oneOf", "allOf")
JSON, LINES = "application/json", "application/x-ndjson"


class Operation(NamedTuple):
    """One operation of a service's document."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.described.get("parameters", [])
        return found

    @property
    def optional(self) -> list[str]:
        """The query parameters that may be left out."""
        return [one["name"] for one in self.parameters if one["in"] == "query" and not one.get("required")]


class Example(NamedTuple):
    """A request as the test client takes it, made of the examples of an operation."""

    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes | None
    media_type: str | None


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield Operation(method.upper(), path, described)


def written(value: object) -> object:
    """A parameter as an address has it: a switch in the words of JSON."""
    return json.dumps(value) if isinstance(value, bool) else value


class Examples:
    """The examples of a document's operations."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas = document.get("components", {}).get("schemas", {})

    def request(
        self, operation: Operation, *also: str, media_type: str | None = None, body: object = ...
    ) -> Example:
        """Make the request of an operation's examples.

        Args:
            operation: which has an example of all that it requires
            also: optional query parameters that are sent, too
            media_type: of the body; by default the first that it documents
            body: sent as JSON in place of the example; None sends none
        """
        sent: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.parameters:
            if parameter["in"] != "query" or parameter.get("required") or parameter["name"] in also:
                sent[parameter["in"]][parameter["name"]] = written(parameter["example"])
        if body is ...:
            data, kind = self.body(operation, media_type)
        else:
            data, kind = (None, None) if body is None else (json.dumps(body).encode(), JSON)
        return Example(operation.path.format(**sent["path"]), sent["query"], sent["header"], data, kind)

    def body(self, operation: Operation, media_type: str | None) -> tuple[bytes | None, str | None]:
        """The body of the example and its media type."""
        content = operation.described.get("requestBody", {}).get("content", {})
        if not content:
            return None, None
        kind = media_type or next(iter(content))
        if kind == LINES:  # an example in the field for one would keep the fuzzer from its others
            value = content[kind]["schema"]["description"].rpartition("\n\n    ")[2]
        else:
            value = content[kind].get("example") or self.of(content[kind]["schema"])
        assert value is not None, f"{operation.name}: the body has no example"
        return (json.dumps(value) if kind == JSON else value).encode(), kind

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
