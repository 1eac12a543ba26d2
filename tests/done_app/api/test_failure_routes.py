"""Steps from elsewhere that give up, and tasks that go on, over HTTP."""

from __future__ import annotations

from datetime import datetime

import pytest
from redis import Redis

from donebit.store import Store
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def test_a_step_from_elsewhere_gives_up_once_and_may_end_its_task(services: Services) -> None:
    task_id = services.start(2)
    url = f"/tasks/{task_id}/failures"

    first = body_of(services.done.post(url, json={"step": 1, "error": "disk full"}))
    again = body_of(services.done.post(url, json={"step": 1, "error": "disk full"}))
    last = body_of(services.done.put(f"/tasks/{task_id}/steps/0"))

    assert (first["fresh"], first["completed_task"], first["state"]) == (True, False, "running")
    assert again["fresh"] is False
    assert (last["completed_task"], last["state"], last["done_steps"]) == (True, "failed", 1)
    assert body_of(services.done.get(url)) == {
        "failed_steps": 1,
        "failures": [{"step": 1, "attempts": 1, "error": "disk full"}],
        "next": None,
    }


def test_a_failure_reported_again_under_its_key_gets_the_same_answer(services: Services) -> None:
    task_id = services.start(1)
    url, key = f"/tasks/{task_id}/failures", {"Idempotency-Key": "f-1"}

    first = services.done.post(url, json={"step": 0, "error": "disk full"}, headers=key)
    again = services.done.post(url, json={"step": 0, "error": "disk full"}, headers=key)
    other = services.done.post(url, json={"step": 0, "error": "no disk"}, headers=key)
    steps = services.done.post(f"/tasks/{task_id}/steps", json={"steps": [0]}, headers=key)

    assert (body_of(first)["fresh"], body_of(first)["completed_task"]) == (True, True)
    assert body_of(again) == body_of(first)
    assert "which was used for another request" in problem_of(other, 422)["detail"]
    assert "which was used for another request" in problem_of(steps, 422)["detail"]


def test_failures_come_in_pages(services: Services) -> None:
    task_id = services.start(9)
    for step in (1, 4, 6):
        services.done.post(f"/tasks/{task_id}/failures", json={"step": step})

    first = body_of(services.done.get(f"/tasks/{task_id}/failures?limit=2"))
    rest = body_of(services.done.get(f"/tasks/{task_id}/failures?after={first['next']}"))

    assert [one["step"] for one in first["failures"] + rest["failures"]] == [1, 4, 6]
    assert rest["next"] is None


def test_failed_tasks_are_found_and_resumed_by_label(services: Services) -> None:
    tasks = [services.start(1, label="night") for _ in range(3)]
    other = services.start(1, label="day")
    for task_id in (*tasks, other):
        services.done.post(f"/tasks/{task_id}/failures", json={"step": 0})

    listed = body_of(services.done.get("/tasks?state=failed&label=night"))
    resumed = body_of(services.done.post("/resume?label=night"))

    assert sorted(one["task_id"] for one in listed["tasks"]) == sorted(resumed["resumed"]) == sorted(tasks)
    assert body_of(services.done.get(f"/tasks/{tasks[0]}"))["run"] == 2
    assert body_of(services.done.get(f"/tasks/{other}"))["state"] == "failed"


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("failures", {"step": 3}, 422, "step 3 is not a step of"),
        ("failures", {"step": -1}, 422, "-1"),
        ("failures", {"error": "no"}, 422, "step"),
        ("failures", {"step": 0, "error": "x" * 10_001}, 422, "10000"),
        ("extend", {"count": 3}, 422, "count is 3; it must be above 3"),
        ("extend", {"count": 10_000_001}, 422, "count is 10000001; it must be 0 to 10000000"),
        ("extend", {}, 422, "either count, the new total, or add"),
        ("extend", {"count": 4, "add": 1}, 422, "either count, the new total, or add"),
        ("extend", {"add": 0}, 422, "add is 0"),
        ("extend", {"add": 10_000_000}, 422, "the task has 3 steps, and at most 10000000 are allowed"),
        ("extend", {"add": 1, "from": 2}, 409, "has 3 steps, not 2"),
        ("extend", {"count": 4, "from": 4}, 409, "has 3 steps, not 4"),
        ("resume", None, 409, "is running; only a failed, cancelled, stalled or paused one is resumed"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(
    services: Services, client: Redis, path: str, body: object, status: int, why: str
) -> None:
    task_id = services.start(3)
    before = everything(client)

    refused = problem_of(services.done.post(f"/tasks/{task_id}/{path}", json=body), status)

    assert why in refused["detail"]
    assert everything(client) == before


def test_every_change_takes_an_idempotency_key(services: Services) -> None:
    task_id = services.start(3)

    def ask(path: str, method: str = "POST", body: object = None, *, key: str) -> list[int]:
        headers = {"Idempotency-Key": key}
        return [
            services.done.open(
                f"/tasks/{task_id}{path}", method=method, json=body, headers=headers
            ).status_code
            for _ in range(2)
        ]

    assert ask("/extend", body={"add": 2}, key="add") == [200, 200]
    assert body_of(services.done.get(f"/tasks/{task_id}"))["count"] == 5
    assert ask("/cancel", key="cancel") == [200, 200]
    assert ask("/extend", body={"add": 3}, key="add") == [422, 422]
    assert ask("", "DELETE", key="delete") == [204, 204]


def test_a_resume_sent_twice_under_one_key_is_one_resume(services: Services) -> None:
    task_id = services.start(1)
    services.done.post(f"/tasks/{task_id}/failures", json={"step": 0})
    key = {"Idempotency-Key": "again"}

    answers = [body_of(services.done.post(f"/tasks/{task_id}/resume", headers=key)) for _ in range(2)]

    assert [(answer["state"], answer["run"]) for answer in answers] == [("running", 2)] * 2


def test_failures_are_grouped_listed_and_retried_by_group(services: Services) -> None:
    task_id = services.start(9)
    for step, error in enumerate(["disk 1 is full", "no such file", "disk 2 is full"]):
        services.done.post(f"/tasks/{task_id}/failures", json={"step": step, "error": error})

    groups = body_of(services.done.get(f"/tasks/{task_id}/failures/groups"))
    first = groups["groups"][0]
    listed = body_of(services.done.get(f"/tasks/{task_id}/failures?group={first['group']}"))
    retried = body_of(services.done.post(f"/tasks/{task_id}/retry", json={"group": first["group"]}))

    assert groups["failed_steps"] == 3
    assert [(one["error"], one["steps"]) for one in groups["groups"]] == [
        ("disk <n> is full", 2),
        ("no such file", 1),
    ]
    assert (first["ranges"], first["attempts"], first["example"]) == ([[0, 1], [2, 3]], 2, None)
    assert datetime.fromisoformat(first["first_at"]) <= datetime.fromisoformat(first["last_at"])
    assert [one["step"] for one in listed["failures"]] == [0, 2]
    assert retried == {"task_id": task_id, "retried": 2, "state": "running", "failed_steps": 1}


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({}, 422, "either a group, or steps and ranges"),
        ({"group": "1c7de33b", "steps": [1]}, 422, "either a group, or steps and ranges"),
        ({"group": "nosuch"}, 422, "the id of a group of failures"),
        ({"group": "1c7de33b"}, 409, "has given up"),
        ({"steps": [0]}, 409, "has given up"),
        ({"steps": [3]}, 422, "step 3 is not a step of"),
        ({"ranges": [[2, 1]]}, 422, "runs backwards"),
    ],
)
def test_a_retry_that_is_refused_changes_nothing(
    services: Services, client: Redis, body: object, status: int, why: str
) -> None:
    task_id = services.start(3)
    services.done.post(f"/tasks/{task_id}/failures", json={"step": 1})
    before = everything(client)

    refused = problem_of(services.done.post(f"/tasks/{task_id}/retry", json=body), status)

    assert why in refused["detail"]
    assert everything(client) == before


def test_a_retry_of_a_failed_task_runs_it_again(services: Services) -> None:
    task_id = services.start(2)
    for step in range(2):
        services.done.post(f"/tasks/{task_id}/failures", json={"step": step})

    retried = body_of(services.done.post(f"/tasks/{task_id}/retry", json={"steps": [1]}))

    assert (retried["state"], retried["failed_steps"]) == ("running", 1)
    assert body_of(services.done.get(f"/tasks/{task_id}"))["run"] == 2
    assert body_of(services.done.get(f"/tasks/{task_id}/missing"))["ranges"] == [[1, 2]]
