"""done_app answers as its surface says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from donebit.completion import failing
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def bits(count: int, *steps: int) -> bytes:
    """The bitmap of a task of `count` steps, end marker included."""
    size = count // 8 + 1
    return sum(1 << (size * 8 - 1 - bit) for bit in (*steps, count)).to_bytes(size, "big")


@pytest.mark.parametrize("count", [1, 6, 7, 8, 9, 15, 16, 17])
def test_the_bitmap_is_the_bits_now_and_the_same_bytes_after_the_end(services: Services, count: int) -> None:
    task_id = services.start(count)

    before = services.done.get(f"/tasks/{task_id}/bitmap")
    services.done.post(f"/tasks/{task_id}/steps", json={"ranges": [[0, count]]})
    after = services.done.get(f"/tasks/{task_id}/bitmap")

    assert before.content_type == "application/octet-stream"
    assert before.data == bits(count)
    assert after.data == bits(count, *range(count))


def test_a_step_is_fresh_once_and_the_last_one_completes_the_task(services: Services) -> None:
    task_id = services.start(2)

    first = body_of(services.done.put(f"/tasks/{task_id}/steps/0"))
    again = body_of(services.done.get(f"/done/?taskId={task_id}&stepNumber=0"))
    last = body_of(services.done.post(f"/done?taskId={task_id}&stepNumber=1"))

    assert first == {
        "task_id": task_id,
        "fresh": True,
        "completed_task": False,
        "state": "running",
        "done_steps": 1,
        "count": 2,
    }
    assert (again["fresh"], again["completed_task"]) == (False, False)
    assert (last["fresh"], last["completed_task"], last["state"]) == (True, True, "done")


def test_the_same_idempotency_key_gets_the_same_answer(services: Services) -> None:
    task_id = services.start(1)
    key = {"Idempotency-Key": "once"}

    answers = [body_of(services.done.put(f"/tasks/{task_id}/steps/0", headers=key)) for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[1]["completed_task"]


def test_missing_ranges_come_in_pages(services: Services) -> None:
    task_id = services.start(9)
    services.done.post(f"/tasks/{task_id}/steps", json={"steps": [1, 3, 5]})

    first = body_of(services.done.get(f"/tasks/{task_id}/missing?limit=2"))
    second = body_of(services.done.get(f"/tasks/{task_id}/missing?limit=2&after={first['next']}"))

    assert (first["missing_steps"], first["ranges"]) == (6, [[0, 1], [2, 3]])
    assert (second["ranges"], second["next"]) == ([[4, 5], [6, 9]], None)


def test_tasks_are_listed_newest_first_in_pages_by_label_and_state(services: Services) -> None:
    ids = [services.start(1, label="mine") for _ in range(3)]
    services.start(1)
    services.done.put(f"/tasks/{ids[0]}/steps/0")

    first = body_of(services.done.get("/tasks?label=mine&limit=2"))
    second = body_of(services.done.get(f"/tasks?label=mine&limit=2&cursor={first['next']}"))
    done = body_of(services.done.get("/tasks?state=done"))

    assert [task["task_id"] for task in first["tasks"] + second["tasks"]] == ids[::-1]
    assert [task["task_id"] for task in done["tasks"]] == ids[:1]


def test_a_task_is_cancelled_once_and_forgotten_once(services: Services) -> None:
    task_id = services.start(2)

    assert body_of(services.done.post(f"/tasks/{task_id}/cancel"))["state"] == "cancelled"
    problem_of(services.done.post(f"/tasks/{task_id}/cancel"), 409)
    assert services.done.delete(f"/tasks/{task_id}").status_code == 204
    problem_of(services.done.delete(f"/tasks/{task_id}"), 404)


def test_a_task_is_paused_resumed_and_paused_no_more_once_it_ended(services: Services) -> None:
    task_id, key = services.start(2), {"Idempotency-Key": "halt"}

    paused = body_of(services.done.post(f"/tasks/{task_id}/pause", headers=key))
    listed = body_of(services.done.get("/tasks"))["tasks"][0]
    resumed = body_of(services.done.post(f"/tasks/{task_id}/resume"))
    repeated = body_of(services.done.post(f"/tasks/{task_id}/pause", headers=key))
    services.done.post(f"/tasks/{task_id}/steps", json={"ranges": [[0, 2]]})

    assert (paused["state"], paused["paused"], paused["waiting_for"]) == ("running", True, "paused")
    assert (listed["state"], listed["paused"]) == ("running", True)
    assert (resumed["paused"], repeated["paused"]) == (False, False)
    problem_of(services.done.post(f"/tasks/{task_id}/pause"), 409)
    problem_of(services.done.post("/tasks/nobody/pause"), 404)


def test_resuming_many_tasks_takes_a_limit_and_a_cursor(services: Services, store: Store) -> None:
    ids = [services.start(1) for _ in range(3)]
    for task_id in ids:
        failing.fail(store, task_id, 0, "boom")

    first = body_of(services.done.post("/resume?limit=2"))
    second = body_of(services.done.post(f"/resume?limit=2&cursor={first['next']}"))

    assert (first["resumed"], second["resumed"]) == (ids[:0:-1], ids[:1])


def test_a_cursor_that_no_page_gave_is_refused(services: Services) -> None:
    for path in ("/tasks?cursor=7", "/tasks?cursor=x-y"):
        problem_of(services.done.get(path), 422)
    problem_of(services.done.post("/resume?cursor=-a"), 422)


def integer_parameters(document: dict[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Method, path, name and an allowed value of each integer that is given in a query string."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                if parameter["in"] == "query" and schema.get("type") == "integer":
                    yield (
                        method,
                        path.replace("{task_id}", "known"),
                        parameter["name"],
                        int(schema["minimum"]),
                    )


def test_every_integer_of_a_query_string_can_be_given(services: Services) -> None:
    services.start(1, task_id="known")
    found = list(integer_parameters(body_of(services.done.get("/openapi.json"))))

    answers = {
        (path, name): services.done.open(f"{path}?{name}={value}", method=method.upper())
        for method, path, name, value in found
    }

    refused = {key: str(reply.json) for key, reply in answers.items() if reply.status_code == 422}
    assert len(found) >= 6
    assert [key for key, problem in refused.items() if key[1] in problem] == []


def test_an_open_task_ends_when_it_is_closed(services: Services) -> None:
    task_id = services.start(0, open=True)
    extended = body_of(services.done.post(f"/tasks/{task_id}/extend", json={"add": 1}))
    reported = body_of(services.done.put(f"/tasks/{task_id}/steps/0"))
    closed = body_of(services.done.post(f"/tasks/{task_id}/close"))

    assert (extended["count"], extended["open"], extended["waiting_for"]) == (1, True, "reports")
    assert (reported["completed_task"], reported["state"]) == (False, "running")
    assert (closed["state"], closed["open"], closed["progress"]) == ("done", False, 1.0)
    assert problem_of(services.done.post(f"/tasks/{task_id}/close"), 409)["title"] == "Conflict"


def test_only_an_open_task_and_a_following_one_may_leave_its_count_out(services: Services) -> None:
    opened = body_of(services.trigger.post("/tasks", json={"open": True, "then": {}}), 202)
    refused = problem_of(services.trigger.post("/tasks", json={"job": "demo"}))

    assert (opened["count"], opened["state"], opened["queued"]) == (0, "running", None)
    assert (refused["status"], refused["errors"][0]["field"]) == (422, "count")
