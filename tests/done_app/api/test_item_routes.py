"""Items are read one by one, and added in pieces to an open task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

LINES = "application/x-ndjson"


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store, jobs=("tests.integration.own_jobs",), max_items_bytes=100_000)


def start(services: Services, **body: Any) -> str:
    return str(body_of(services.trigger.post("/tasks", json=body), 202)["task_id"])


def fill(services: Services, task_id: str, lines: str, query: str = "", **headers: str) -> Any:
    path = f"/tasks/{task_id}/items{query}"
    return services.done.post(path, data=lines, content_type=LINES, headers=headers)


def test_the_item_of_a_step_is_answered(services: Services) -> None:
    task_id = start(services, items=["a", {"b": [1]}, None])

    found = [body_of(services.done.get(f"/tasks/{task_id}/items/{step}")) for step in range(3)]

    assert found == [
        {"step": 0, "item": "a"},
        {"step": 1, "item": {"b": [1]}},
        {"step": 2, "item": None},
    ]
    assert "its steps are 0 to 2" in problem_of(services.done.get(f"/tasks/{task_id}/items/3"))["detail"]
    without = services.start(1)
    assert "has no items" in problem_of(services.done.get(f"/tasks/{without}/items/0"), 404)["detail"]


def test_an_item_is_nested_as_deeply_as_every_answer_can_show(services: Services) -> None:
    deep = json.loads("[" * 150 + "]" * 150)
    task_id = start(services, items=[deep], open=True)
    body_of(services.done.post(f"/tasks/{task_id}/failures", json={"step": 0, "error": "no"}))

    shown = body_of(services.done.get(f"/tasks/{task_id}/items/0"))
    failures = body_of(services.done.get(f"/tasks/{task_id}/failures"))
    refused = [
        services.trigger.post("/tasks", json={"items": [1, [deep]]}),
        services.done.post(f"/tasks/{task_id}/extend", json={"items": [1, [deep]]}),
        fill(services, task_id, f"1\n{json.dumps([deep])}\n"),
    ]

    assert shown["item"] == failures["failures"][0]["item"] == deep
    for one in refused:
        assert problem_of(one)["errors"][0]["detail"].startswith(
            "items[1] cannot be written as JSON: lists and"
        )


def test_an_open_task_is_filled_in_pieces_and_starts_when_it_is_closed(services: Services) -> None:
    task_id = start(services, open=True, job="length")
    first = body_of(fill(services, task_id, '"a"\n\n"bb"\n', "?from=0", **{"Idempotency-Key": "p1"}))
    again = body_of(fill(services, task_id, '"a"\n\n"bb"\n', "?from=0", **{"Idempotency-Key": "p1"}))
    as_json = body_of(services.done.post(f"/tasks/{task_id}/items", json={"items": ["ccc"]}))
    before = body_of(services.done.get(f"/tasks/{task_id}"))
    closed = body_of(services.done.post(f"/tasks/{task_id}/close?count=3"))

    assert first == again == {"task_id": task_id, "added": 2, "count": 2}
    assert as_json["count"] == 3
    assert (before["why"], before["waiting_for"]) == (
        "it is open: its 3 steps start when it is closed",
        "close",
    )
    assert (closed["open"], closed["items"], closed["count"]) == (False, True, 3)
    assert problem_of(fill(services, task_id, "1\n"), 409, 422)["status"] == 422
    assert problem_of(fill(services, task_id, '"d"\n'), 409)["title"] == "Conflict"


@pytest.mark.parametrize(
    ("lines", "field", "why"),
    [
        ('"a"\n7\n', "items.1", "job length does not take items[1]: items[1] is 7; it must be a text"),
        ('"a"\n{"b"\n', "line 2", "line 2 is no JSON"),
        ('"a"\n{"b": 1, "b": 2}\n', "line 2", "line 2: b is given twice"),
        ("\n", "items", "there are no items"),
        (json.dumps("x" * 100_001), "items", "at most 100,000 are kept for a task (MAX_ITEMS_BYTES)"),
    ],
)
def test_a_piece_that_does_not_fit_is_refused_whole(
    services: Services, lines: str, field: str, why: str
) -> None:
    task_id = start(services, open=True, job="length", items=["first"])

    problem = problem_of(fill(services, task_id, lines))

    assert (problem["errors"][0]["field"], why in problem["detail"]) == (field, True), problem
    assert body_of(services.done.get(f"/tasks/{task_id}"))["count"] == 1


def test_a_running_task_is_extended_by_items(services: Services) -> None:
    task_id = start(services, job="length", items=["a"])

    extended = body_of(services.done.post(f"/tasks/{task_id}/extend", json={"items": ["bb"], "from": 1}))
    bodies: list[dict[str, Any]] = [{"items": ["c"], "from": 1}, {"items": ["c"], "add": 1}]
    bodies += [{"items": []}, {"add": 1}, {"items": [7]}]
    refusals = [services.done.post(f"/tasks/{task_id}/extend", json=body).status_code for body in bodies]

    assert (extended["count"], refusals) == (2, [409, 422, 422, 422, 422])
    assert body_of(services.done.get(f"/tasks/{task_id}/items/1"))["item"] == "bb"


def test_a_failure_shows_its_item_unless_it_is_large(services: Services) -> None:
    task_id = start(services, items=["a", "x" * 5000, ["c"]])
    for step in range(3):
        body_of(services.done.post(f"/tasks/{task_id}/failures", json={"step": step, "error": "no"}))

    failures = body_of(services.done.get(f"/tasks/{task_id}/failures"))["failures"]

    assert [one["item"] for one in failures] == ["a", None, ["c"]]


def test_a_piece_of_another_type_is_refused_with_those_that_are_taken(services: Services) -> None:
    task_id = start(services, items=[], open=True)

    refused = services.done.post(f"/tasks/{task_id}/items", data='"a"\n"b"\n', content_type="text/plain")

    said = "it must be a JSON object, sent as application/json, or be sent as application/x-ndjson"
    assert problem_of(refused)["detail"].endswith(said)


@pytest.mark.parametrize("number", ["1e400", "[-1e999]"])
def test_a_number_that_is_out_of_range_is_named(services: Services, number: str) -> None:
    task_id = start(services, items=[], open=True)
    body = f'{{"job": "demo", "count": 1, "params": {{"sleep_ms": {number}}}}}'

    refused = [
        services.trigger.post("/tasks", data=body, content_type="application/json"),
        services.done.put(
            f"/tasks/{task_id}/steps/0", data=f'{{"result": {number}}}', content_type="application/json"
        ),
        fill(services, task_id, f"1\n{number}\n"),
    ]

    for one in refused:
        assert f"{number.strip('[]')} is out of range; a number must be within" in problem_of(one)["detail"]
