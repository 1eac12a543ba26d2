"""Many tasks are found and changed by one request, once it has said which they are."""

from __future__ import annotations

from typing import Any

import pytest

from donebit.completion import failing
from donebit.store import Store
from donebit.web import acting
from tests.web.services import Services, body_of, problem_of


@pytest.fixture
def services(store: Store) -> Services:
    return Services(store)


def act(services: Services, action: str, key: str = "", **body: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    return body_of(services.done.post("/tasks/actions", json={"action": action, **body}, headers=headers))


def states(services: Services, *ids: str) -> list[str]:
    return [str(body_of(services.done.get(f"/tasks/{one}"))["state"]) for one in ids]


def test_a_dry_run_says_which_tasks_and_changes_none(services: Services, store: Store) -> None:
    ids = [services.start(1, label="night", task_id=f"t-{n}") for n in range(3)]
    services.start(1, label="day")
    for task_id in ids[:2]:
        failing.fail(store, task_id, 0, "boom")

    dry = act(services, "resume", label="night", dry_run=True)
    before = states(services, *ids)
    done = act(services, "resume", label="night")

    assert (dry["dry_run"], dry["changed"], dry["tasks"], dry["next"]) == (True, 2, ["t-1", "t-0"], None)
    assert before == ["failed", "failed", "running"]
    assert (done["dry_run"], done["changed"], done["tasks"]) == (False, 2, ["t-1", "t-0"])
    assert states(services, *ids) == ["running"] * 3


def test_tasks_are_cancelled_paused_and_deleted_by_their_ids(services: Services) -> None:
    ids = [services.start(1) for _ in range(3)]

    cancelled = act(services, "cancel", ids=[ids[0], "nobody"])
    paused = act(services, "pause", ids=ids)
    deleted = act(services, "delete", ids=ids[:2])

    assert (cancelled["tasks"], [one["task_id"] for one in cancelled["skipped"]]) == ([ids[0]], ["nobody"])
    assert (paused["tasks"], paused["skipped"][0]["task_id"]) == (ids[1:], ids[0])
    assert deleted["tasks"] == ids[:2]
    assert [task["task_id"] for task in body_of(services.done.get("/tasks"))["tasks"]] == ids[2:]


def test_many_tasks_are_run_again_once_a_key(services: Services) -> None:
    ids = [services.start(1) for _ in range(2)]
    for task_id in ids:
        services.done.put(f"/tasks/{task_id}/steps/0")

    first, second = (act(services, "rerun", key="night-7", ids=ids) for _ in range(2))

    assert first["tasks"] == ids
    assert first["started"] == second["started"]
    new = [body_of(services.done.get(f"/tasks/{one}")) for one in first["started"]]
    assert [(task["rerun_of"], task["done_steps"]) for task in new] == [(one, 0) for one in ids]


def test_pages_of_an_action_hold_at_most_the_limit(services: Services) -> None:
    ids = [services.start(1, label="many") for _ in range(5)]

    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = act(services, "cancel", label="many", limit=2, **more)
        pages.append(page["tasks"])
        cursor = page["next"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == ids[::-1]


def test_tasks_that_are_not_reached_in_time_are_named(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [services.start(1) for _ in range(3)]
    monkeypatch.setattr(acting, "WITHIN_SECONDS", 0.0)

    said = act(services, "cancel", ids=ids)

    assert (said["tasks"], [one["task_id"] for one in said["skipped"]]) == (ids[:1], ids[1:])
    assert "send the request again" in said["skipped"][0]["detail"]
    assert states(services, *ids) == ["cancelled", "running", "running"]


@pytest.mark.parametrize("action", ["cancel", "rerun"])
def test_tasks_of_a_filter_that_are_not_reached_come_next(
    services: Services, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    ids = [services.start(1, label="many") for _ in range(3)]
    if action == "rerun":
        act(services, "cancel", ids=ids)
    monkeypatch.setattr(acting, "WITHIN_SECONDS", 0.0)

    said = [act(services, action, label="many")]
    while cursor := said[-1]["next"]:
        said.append(act(services, action, label="many", cursor=cursor))

    assert [one["tasks"] for one in said] == [[task_id] for task_id in ids[::-1]]
    assert [one["skipped"] for one in said] == [[], [], []]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"action": "delete"}, "either ids, or a filter"),
        ({"action": "delete", "ids": ["a"], "label": "b"}, "either ids, or a filter"),
        ({"action": "delete", "ids": []}, "ids"),
        ({"action": "forget", "ids": ["a"]}, "action"),
        ({"action": "delete", "label": "b", "limit": 501}, "limit"),
        ({"action": "delete", "label": "b", "dry_run": 1}, "dry_run is 1; it must be true or false"),
        ({"action": "delete", "labels": "b"}, "labels"),
        ({"action": "delete", "from": "yesterday"}, "from"),
    ],
)
def test_an_action_that_means_no_tasks_or_all_is_refused(
    services: Services, body: dict[str, Any], words: str
) -> None:
    task_id = services.start(1)

    problem = problem_of(services.done.post("/tasks/actions", json=body))

    assert words in problem["detail"]
    assert states(services, task_id) == ["running"]


def test_tasks_are_listed_by_id_prefix_job_and_date(services: Services) -> None:
    for name, job in (("nightly-1", "demo"), ("nightly-2", None), ("daily-1", "demo")):
        services.start(1, task_id=name, **({"job": job} if job else {}))
    created = body_of(services.done.get("/tasks/daily-1"))["created_at"]

    def listed(query: str) -> list[str]:
        return [task["task_id"] for task in body_of(services.done.get(f"/tasks?{query}"))["tasks"]]

    assert listed("prefix=nightly-") == ["nightly-2", "nightly-1"]
    assert listed("job=demo") == ["daily-1", "nightly-1"]
    assert listed("prefix=nightly-&job=demo") == ["nightly-1"]
    assert listed("to=2020-01-01") == []
    assert len(listed("from=2020-01-01")) == 3
    assert "daily-1" in listed(f"from={created}")
    assert "daily-1" not in listed(f"to={created}")
    problem_of(services.done.get("/tasks?from=soon"), 422)


@pytest.mark.parametrize("to", ["2026-11-21", "2026-11-20"])
def test_days_that_hold_no_moment_are_refused(services: Services, to: str) -> None:
    days = {"from": "2026-11-21", "to": to}

    listed = problem_of(services.done.get("/tasks", query_string=days), 422)
    acted = problem_of(services.done.post("/tasks/actions", json={"action": "cancel", **days}), 422)

    assert listed["detail"] == f"to is {to}T00:00:00Z; it must be after from, which is 2026-11-21T00:00:00Z"
    assert acted["detail"] == listed["detail"]


def test_tasks_are_listed_and_acted_on_by_their_error(services: Services) -> None:
    for name, error in (("a", "TimeoutError: after 3 s"), ("b", "ValueError: no")):
        services.start(1, task_id=name)
        services.done.post(f"/tasks/{name}/failures", json={"step": 0, "error": error})

    listed = body_of(services.done.get("/tasks?error=timeouterror: after 30 s"))["tasks"]
    action = {"action": "resume", "error": "ValueError", "dry_run": True}
    would = body_of(services.done.post("/tasks/actions", json=action))

    assert [task["task_id"] for task in listed] == ["a"]
    assert would["tasks"] == ["b"]
    body_of(services.done.post("/tasks/actions", json={"action": "cancel", "ids": ["b"], "error": None}))
    for nothing in ("", "%20"):
        problem_of(services.done.get(f"/tasks?error={nothing}"), 422)
    problem_of(services.done.post("/tasks/actions", json={"action": "delete", "error": " \n"}), 422)
