"""trigger_app answers as its surface says."""

from __future__ import annotations

from typing import Any

import pytest

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.store import Store
from tests.web.services import ELSEWHERE, Services, body_of, problem_of
from tests.web.test_roles import ADMIN, bearer


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("path", "job"), [("done", "demo"), ("distinct", "visit")])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_examples_two_lines_start_a_task(
    real_store: Store, method: str, path: str, job: str, slash: str
) -> None:
    services = Services(real_store)

    body = body_of(services.trigger.open(f"/trigger/{path}{slash}?count=10", method=method), 202)

    task = body_of(services.done.get(f"/tasks/{body['task_id']}"))
    assert (body["count"], body["job"], body["state"], body["queued"]) == (10, job, "running", True)
    assert (task["count"], task["done_steps"], task["missing"]) == (10, 0, [[0, 10]])


def test_the_same_task_id_again_is_the_same_task_or_a_conflict(store: Store) -> None:
    services = Services(store)
    services.start(3, task_id="mine")

    again = body_of(services.trigger.post("/tasks", json={"count": 3, "task_id": "mine"}))
    other = problem_of(services.trigger.post("/tasks", json={"count": 4, "task_id": "mine"}), 409)

    assert again["task_id"] == "mine"
    assert "mine" in other["detail"]


def test_the_same_key_is_the_same_task_or_refused(store: Store) -> None:
    services = Services(store)

    def start(key: str, **body: object) -> dict[str, Any]:
        answer = services.trigger.post("/tasks", json={"count": 3, **body}, headers={"Idempotency-Key": key})
        return {"status": answer.status_code, **(answer.json or {})}

    first, again, other, named = start("a"), start("a"), start("b"), start("a", task_id="mine")
    changed = start("a", count=4)

    assert [one["status"] for one in (first, again, other, named)] == [202, 200, 202, 202]
    assert first["task_id"] == again["task_id"] != other["task_id"]
    assert named["task_id"] == "mine"
    assert (changed["status"], changed["detail"]) == (
        422,
        "Idempotency-Key is 'a', which was used for another request",
    )
    assert start("a b")["status"] == 422


def test_each_token_has_keys_of_its_own(store: Store) -> None:
    services = Services(store, api_token=ADMIN)
    _, other = tokens.create(store, "other", Role.TRIGGER)

    def start(token: str) -> str:
        headers = bearer(token) | {"Idempotency-Key": "a"}
        return str(
            body_of(services.trigger.post("/tasks", json={"count": 3}, headers=headers), 202)["task_id"]
        )

    assert start(ADMIN) != start(other)


def test_without_a_broker_a_task_is_started_and_fanned_out_later(real_store: Store) -> None:
    services = Services(real_store, broker_url=ELSEWHERE)

    body = body_of(services.trigger.post("/trigger/done?count=3"), 202)

    assert body["queued"] is False


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/trigger/done?count=0", None),
        ("/trigger/distinct?count=0", None),
        ("/tasks", {"count": 0, "job": "demo", "batch": 5}),
        ("/tasks", {"count": 0}),
    ],
)
def test_a_task_of_no_steps_is_done_in_the_answer(
    real_store: Store, path: str, body: dict[str, object] | None
) -> None:
    services = Services(real_store)

    started = body_of(services.trigger.post(path, json=body), 202)

    task_id = started["task_id"]
    task = body_of(services.done.get(f"/tasks/{task_id}"))
    assert (started["state"], started["queued"], started["count"]) == ("done", None, 0)
    assert (task["state"], task["progress"], task["missing"], task["done_steps"]) == ("done", 1.0, [], 0)
    assert services.done.get(f"/tasks/{task_id}/bitmap").data == b"\x80"
    assert body_of(services.done.get(f"/tasks/{task_id}/missing"))["ranges"] == []
    assert body_of(services.done.get(f"/tasks/{task_id}/failures"))["failures"] == []
    assert '"state": "done"' in services.done.get(f"/tasks/{task_id}/events").text
