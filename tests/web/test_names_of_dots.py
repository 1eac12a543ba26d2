"""A task named by dots, which no client could reach, is refused at every way in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from redis import Redis

from donebit.client import Donebit
from donebit.errors import InvalidInput
from tests.web.documented import Examples, Operation, operations
from tests.web.services import NAMES, Services, body_of, problem_of

DOTS = [".", ".."]
TASK_PARAMETERS = {"task_id", "taskId", "task"}
# What an older version named so can still be deleted: a task that is not there is 404.
DELETES_STORED = "DELETE /tasks/{task_id}"


def ways_in(document: dict[str, Any]) -> list[tuple[Operation, dict[str, str]]]:
    """The operations of a service that name a task, and the parameter where that is in the query."""
    return [
        (operation, {parameter["name"]: ""} if parameter["in"] == "query" else {})
        for operation in operations(document)
        for parameter in operation.parameters
        if parameter["name"] in TASK_PARAMETERS
    ]


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("service", NAMES)
def test_every_route_that_names_a_task_refuses_dots(
    real_services: Services, real_client: Redis, service: str, dots: str
) -> None:
    client = real_services.of(service)
    document = body_of(client.get("/openapi.json"))
    examples, before = Examples(document), set(real_client.keys())
    answers: dict[str, int] = {}

    for operation, named in ways_in(document):
        example = examples.request(operation)
        encoded = operation.path.replace("{task_id}", dots.replace(".", "%2e"))
        path = re.sub(r"\{\w+\}", "0", encoded)
        query = {**example.query, **dict.fromkeys(named, dots)}
        answer = client.open(
            path,
            method=operation.method,
            query_string=query,
            data=example.body,
            content_type=example.media_type,
        )
        answers[operation.name] = answer.status_code

    answers.pop(DELETES_STORED, None)
    assert {name: status for name, status in answers.items() if status != 422} == {}
    assert set(real_client.keys()) == before
    assert service != "done" or len(answers) >= 15


@pytest.mark.parametrize("dots", DOTS)
def test_no_task_is_started_under_dots(real_services: Services, real_client: Redis, dots: str) -> None:
    problem = problem_of(real_services.trigger.post("/tasks", json={"count": 3, "task_id": dots}))

    assert [fault["field"] for fault in problem["errors"]] == ["task_id"]
    with pytest.raises(InvalidInput, match="task_id"):
        Donebit().start(3, task_id=dots)
    assert real_client.keys("donebit:done:*") == []
