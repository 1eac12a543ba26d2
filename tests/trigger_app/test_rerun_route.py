"""Both services run a task again; trigger_app takes changed parameters, as far as its job can read them."""

from __future__ import annotations

from typing import Any

import pytest

from donebit.store import Store
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def start_demo(services: Services) -> str:
    return services.start(3, job="demo", params={"sleep_ms": 7}, label="mine")


def test_a_task_is_run_again_with_and_without_a_body(services: Services) -> None:
    task_id = start_demo(services)

    same = body_of(services.trigger.post(f"/tasks/{task_id}/rerun"), 202)
    other = body_of(
        services.trigger.post(f"/tasks/{task_id}/rerun", json={"params": {"sleep_ms": 8}, "label": "b"}), 202
    )

    said = [body_of(services.done.get(f"/tasks/{one['task_id']}")) for one in (same, other)]
    assert [(one["rerun_of"], one["count"], one["job"]) for one in said] == [(task_id, 3, "demo")] * 2
    assert [(one["params"], one["label"]) for one in said] == [
        ({"sleep_ms": 7}, "mine"),
        ({"sleep_ms": 8}, "b"),
    ]
    assert (same["rerun_of"], same["state"]) == (task_id, "running")


@pytest.mark.parametrize("service", ["trigger", "done"])
def test_the_same_key_finds_the_task_that_it_started(services: Services, service: str) -> None:
    task_id, key = start_demo(services), {"Idempotency-Key": "again"}
    path, client = f"/tasks/{task_id}/rerun", services.of(service)

    first = body_of(client.post(path, headers=key), 202)
    second = body_of(client.post(path, headers=key), 200)

    assert (first["task_id"], first["rerun_of"]) == (second["task_id"], task_id)


@pytest.mark.parametrize("service", ["trigger", "done"])
def test_a_task_whose_order_is_gone_is_404(services: Services, service: str) -> None:
    problem = problem_of(services.of(service).post("/tasks/nobody/rerun"), 404)

    assert problem["detail"].startswith("the order of task nobody is gone")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"json": {"params": {"sleep_ms": "soon"}}}, "sleep_ms"),
        ({"json": {"count": 3}}, "count"),
        ({"data": "{", "content_type": "application/json"}, ""),
        ({"data": "null", "content_type": "application/json"}, ""),
    ],
)
def test_a_change_that_cannot_be_is_refused(services: Services, body: dict[str, Any], words: str) -> None:
    task_id = start_demo(services)

    problem = problem_of(services.trigger.post(f"/tasks/{task_id}/rerun", **body), 422)

    assert words in problem["detail"] + str(problem.get("errors"))
    assert len(body_of(services.done.get("/tasks"))["tasks"]) == 1


def test_the_page_of_an_ended_task_runs_it_again(services: Services) -> None:
    people, task_id = {"Accept": "text/html"}, services.start(1)
    running = services.trigger.get(f"/tasks/{task_id}", headers=people).text
    services.done.put(f"/tasks/{task_id}/steps/0")
    ended = services.trigger.get(f"/tasks/{task_id}", headers=people).text

    answer = services.trigger.post(f"/tasks/{task_id}/again", headers=people)

    page = services.trigger.get(answer.headers["Location"], headers=people).text
    assert f'action="/tasks/{task_id}/again"' not in running
    assert f'action="/tasks/{task_id}/again"' in ended
    assert answer.status_code == 303
    assert f'href="/tasks/{task_id}">{task_id}</a>' in page
