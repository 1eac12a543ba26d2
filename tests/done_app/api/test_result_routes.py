"""Results are reported from elsewhere and read in pages, as lines, and by their steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def results_of(services: Services, task_id: str, query: str = "") -> dict[str, Any]:
    return body_of(services.done.get(f"/tasks/{task_id}/results{query}"))


def test_a_step_from_elsewhere_keeps_its_first_result(services: Services) -> None:
    task_id = services.start(3)

    first = body_of(services.done.put(f"/tasks/{task_id}/steps/1", json={"result": {"words": 7}}))
    second = body_of(services.done.put(f"/tasks/{task_id}/steps/1", json={"result": "late"}))
    null = body_of(services.done.put(f"/tasks/{task_id}/steps/0", json={"result": None}))
    body_of(services.done.put(f"/tasks/{task_id}/steps/2", json={}))

    assert (first["fresh"], second["fresh"], null["fresh"]) == (True, False, True)
    assert results_of(services, task_id) == {
        "results": [{"step": 0, "result": None}, {"step": 1, "result": {"words": 7}}],
        "without": 1,
        "next": None,
    }


def test_many_results_are_reported_in_one_request(services: Services) -> None:
    task_id = services.start(6)
    body = {
        "steps": [0],
        "ranges": [[1, 3]],
        "results": [{"step": 5, "result": "e"}, {"step": 4, "result": 4}],
    }
    key = {"Idempotency-Key": "once"}

    answers = [body_of(services.done.post(f"/tasks/{task_id}/steps", json=body, headers=key)) for _ in "ab"]

    assert answers[0] == answers[1]
    assert (answers[0]["fresh"], answers[0]["done_steps"]) == (5, 5)
    assert results_of(services, task_id)["results"] == [{"step": 4, "result": 4}, {"step": 5, "result": "e"}]
    assert results_of(services, task_id)["without"] == 3


def test_results_come_in_pages_as_lines_and_by_their_steps(services: Services) -> None:
    task_id = services.start(2000)
    for first in (0, 1000):
        found = [{"step": step, "result": step * step} for step in range(first, first + 1000)]
        body_of(services.done.post(f"/tasks/{task_id}/steps", json={"results": found}))

    pages: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": 0}
    while page["next"] is not None:
        page = results_of(services, task_id, f"?after={page['next']}&limit=700")
        pages += page["results"]
    lines = services.done.get(f"/tasks/{task_id}/results", headers=LINES)
    later = services.done.get(f"/tasks/{task_id}/results?after=1990&limit=3", headers=LINES)

    everything = [{"step": step, "result": step * step} for step in range(2000)]
    assert pages == everything
    assert len(results_of(services, task_id)["results"]) == 1000
    assert (lines.content_type, [json.loads(line) for line in lines.text.splitlines()]) == (
        "application/x-ndjson",
        everything,
    )
    assert [json.loads(line)["step"] for line in later.text.splitlines()] == [1990, 1991, 1992]
    runs = results_of(services, task_id, "?after=3&limit=1900&runs=1")
    assert runs["runs"] == [{"first": 3, "results": [step * step for step in range(3, 1903)]}]
    assert (runs["next"], "results" in runs) == (1903, False)
    assert results_of(services, task_id, "?steps=1999,3,1999")["results"] == [
        everything[3],
        everything[1999],
    ]


@pytest.mark.parametrize("headers", [{}, LINES], ids=["json", "lines"])
def test_results_of_a_step_that_the_task_has_not_are_refused(
    services: Services, headers: dict[str, str]
) -> None:
    task_id = services.start(7)

    refused = services.done.get(f"/tasks/{task_id}/results?steps=6,7&after=7", headers=headers)

    assert problem_of(refused)["detail"].endswith("its steps are 0 to 6")
    assert results_of(services, task_id, "?steps=0,6")["results"] == []


def test_results_of_named_steps_come_as_lines_too(services: Services) -> None:
    task_id = services.start(9)
    reported = [{"step": step, "result": step} for step in (1, 4, 7)]
    services.done.post(f"/tasks/{task_id}/steps", json={"results": reported})

    found = services.done.get(f"/tasks/{task_id}/results?steps=7,1,2", headers=LINES)

    assert found.content_type == "application/x-ndjson"
    assert found.text.splitlines() == ['{"step":1,"result":1}', '{"step":7,"result":7}']


def test_runs_of_results_are_refused_as_lines(services: Services) -> None:
    task_id = services.start(9)

    refused = services.done.get(f"/tasks/{task_id}/results?runs=1", headers=LINES)

    assert problem_of(refused)["errors"][0]["field"] == "runs"


def test_results_of_named_steps_come_in_pages_too(services: Services) -> None:
    task_id = services.start(9)
    found = [{"step": step, "result": step} for step in range(9)]
    body_of(services.done.post(f"/tasks/{task_id}/steps", json={"results": found}))

    first = results_of(services, task_id, "?steps=7,3,5&limit=2")
    rest = results_of(services, task_id, f"?steps=7,3,5&limit=2&after={first['next']}")

    assert (first["results"], first["next"]) == ([found[3], found[5]], 7)
    assert (rest["results"], rest["next"]) == ([found[7]], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"results": [{"step": 0, "result": 1}, {"step": 0, "result": 2}]}, "results"),
        ({"results": [{"step": 0}]}, "results.0.result"),
        ({"results": [{"step": 0, "result": "x" * 70_000}]}, "result"),
        ({"results": [{"step": step, "result": "x" * 60_000} for step in range(80)]}, "results"),
        ({"results": [{"step": 0, "result": 1}, {"step": 90, "result": 2}]}, "step"),
        ({"results": []}, "steps"),
    ],
)
def test_results_that_cannot_be_kept_are_refused(services: Services, body: object, field: str) -> None:
    task_id = services.start(90)

    problem = problem_of(services.done.post(f"/tasks/{task_id}/steps", json=body))

    assert problem["errors"][0]["field"] == field
    assert results_of(services, task_id) == {"results": [], "without": 0, "next": None}
    assert body_of(services.done.get(f"/tasks/{task_id}"))["done_steps"] == 0


@pytest.mark.parametrize("body", [b"{", b"null", b"[1]", b'{"result": 1, "why": 2}', b'{"result": NaN}'])
def test_the_body_of_a_step_is_a_result_or_refused(services: Services, body: bytes) -> None:
    task_id = services.start(1)

    problem_of(
        services.done.put(f"/tasks/{task_id}/steps/0", data=body, content_type="application/json"), 422, 400
    )

    assert body_of(services.done.get(f"/tasks/{task_id}"))["done_steps"] == 0


def test_results_above_the_total_are_refused(store: Store) -> None:
    services = Services(store, max_result_bytes=10)
    task_id = services.start(3)
    body_of(services.done.put(f"/tasks/{task_id}/steps/0", json={"result": "12345678"}))

    problem = problem_of(services.done.put(f"/tasks/{task_id}/steps/1", json={"result": 1}))

    assert "would have 11 bytes; at most 10 are kept (MAX_RESULT_BYTES)" in problem["detail"]
    assert body_of(services.done.put(f"/tasks/{task_id}/steps/1"))["fresh"] is True


@pytest.mark.parametrize("query", ["?steps=", "?steps=a", "?steps=1,,2", "?limit=0", "?after=-1", "?at=1"])
def test_a_question_for_results_that_makes_no_sense_is_refused(services: Services, query: str) -> None:
    task_id = services.start(1)

    problem_of(services.done.get(f"/tasks/{task_id}/results{query}"))
    problem_of(services.done.get("/tasks/never/results"), 404)
