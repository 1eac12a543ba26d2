"""Every operation of trigger_app has a summary and a request example, and the example runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.config import Settings
from donebit.store import Store
from tests.web.services import ELSEWHERE, Services, body_of
from trigger_app.service import create_app

ADMIN = "an-admin-token-of-the-tests"
Operation = tuple[str, str, dict[str, Any]]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


SERVICE = create_app(Settings(redis_url=ELSEWHERE, broker_url="memory://"), Store.at(ELSEWHERE))
DOCUMENT = body_of(SERVICE.test_client().get("/openapi.json"))
OPERATIONS = {f"{method} {path}": (path, method, found) for path, method, found in operations(DOCUMENT)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_made_of_the_examples_is_accepted(real_store: Store, name: str) -> None:
    path, method, operation = OPERATIONS[name]
    if method == "delete":
        tokens.create(real_store, "reporter", Role.READ)
    examples = {one["name"]: one for one in operation.get("parameters", ())}
    query = {name: one["example"] for name, one in examples.items() if one["in"] == "query"}
    parts = {name: str(one["example"]) for name, one in examples.items() if one["in"] == "path"}

    answer = Services(real_store, api_token=ADMIN).trigger.open(
        path.format(**parts),
        method=method.upper(),
        query_string=query,
        json=body_example(operation),
        headers={"Authorization": f"Bearer {ADMIN}"},
    )

    assert answer.status_code in (200, 201, 202, 204), answer.text


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_summary_is_a_sentence_of_its_own(name: str) -> None:
    summary = OPERATIONS[name][2]["summary"]

    assert summary.endswith(".")
    assert summary[0].isupper()
    assert not summary.startswith("The same")


def body_example(operation: dict[str, Any]) -> Any:
    """The example of the body; None for an operation without one."""
    if "requestBody" not in operation:
        return None
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]["example"]
