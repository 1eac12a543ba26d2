"""An end is delivered again over HTTP."""

from __future__ import annotations

import pytest

from donebit.completion import deliveries
from donebit.completion.announcing import announce
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def start_delivered(services: Services, store: Store) -> str:
    """A task that is done, and whose next task is started."""
    task_id = services.start(1, then={"count": 1})
    body_of(services.done.put(f"/tasks/{task_id}/steps/0"))
    announce(store, task_id)
    (name,) = deliveries.list_due(store, "then", 10)
    claimed = deliveries.claim(store, name)
    assert claimed is not None
    deliveries.record_delivered(store, claimed, "started")
    return task_id


@pytest.mark.parametrize("query", ["", "?run=1"])
def test_a_delivery_is_pending_again_with_its_attempts(services: Services, store: Store, query: str) -> None:
    task_id = start_delivered(services, store)
    (before,) = body_of(services.done.get(f"/tasks/{task_id}"))["deliveries"]

    answer = body_of(services.done.post(f"/tasks/{task_id}/deliveries/then/redeliver{query}"), 202)

    (after,) = answer["deliveries"]
    assert (before["outcome"], after["outcome"]) == ("delivered", "pending")
    assert after["next_attempt_at"] is not None
    assert after["announcement_id"] == before["announcement_id"]
    assert [one["said"] for one in after["attempts"]] == ["started"]


REFUSED = [
    ("webhook/redeliver", 404, "has no delivery by webhook; it has: then of run 1"),
    ("then/redeliver?run=2", 404, "has no delivery by then of run 2; it has: then of run 1"),
    ("pigeon/redeliver", 422, "kind"),
    ("then/redeliver?run=0", 422, "run"),
    ("then/redeliver?end=done", 422, "end"),
]


@pytest.mark.parametrize(("rest", "status", "named"), REFUSED)
def test_what_cannot_be_delivered_again_is_refused_and_changes_nothing(
    services: Services, store: Store, rest: str, status: int, named: str
) -> None:
    task_id = start_delivered(services, store)

    problem = problem_of(services.done.post(f"/tasks/{task_id}/deliveries/{rest}"), status)

    assert named in str(problem)
    assert deliveries.list_due(store, "then", 10) == []


def test_a_task_that_is_unknown_has_nothing_to_deliver(services: Services) -> None:
    problem_of(services.done.post("/tasks/unknown/deliveries/then/redeliver"), 404)
