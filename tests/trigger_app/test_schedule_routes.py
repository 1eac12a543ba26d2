"""Schedules over HTTP: what is asked for is checked, kept, shown and changed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from donebit import clock
from donebit.completion.ttls import TaskTtls
from donebit.schedules import changes
from donebit.schedules.firing import Firer
from donebit.store import Store
from tests.web.services import Services, body_of, problem_of

TASK = {"count": 3, "job": "demo", "params": {"sleep_ms": 7}}
NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "zone": "Europe/Berlin", "task": TASK}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def create(services: Services, **other: Any) -> Any:
    return body_of(services.trigger.post("/schedules", json=NIGHTLY | other), 201)


def fire(store: Store, at: datetime) -> list[str]:
    """Look at the schedules as a sweep of that moment would; the ids of the started tasks."""
    started: list[str] = []
    ttls = TaskTtls(timedelta(days=1), timedelta(days=1))
    Firer(store, lambda task: started.append(task.id), ttls).run(at)
    return started


def test_a_schedule_is_shown_as_it_was_asked_for(services: Services) -> None:
    made = create(services)

    shown = body_of(services.trigger.get("/schedules/nightly"))

    assert {name: shown[name] for name in NIGHTLY if name != "task"} == {
        name: value for name, value in NIGHTLY.items() if name != "task"
    }
    assert shown["task"] == {**TASK, "label": "nightly", "stall_after": 60.0, "priority": "normal"}
    assert (shown["missed"], shown["overlap"], shown["grace"]) == ("latest", "skip", 60)
    assert shown["next_at"] == shown["upcoming"][0] == made["upcoming"][0]
    assert len(shown["upcoming"]) == 5
    assert (shown["started"], shown["last_task_id"], shown["paused"]) == (0, None, False)


def test_what_is_shown_of_the_task_can_be_sent_again(real_store: Store) -> None:
    services = Services(
        real_store,
        webhook_hosts=("hooks.example.org",),
        webhook_secret=base64.b64encode(b"s" * 32).decode(),
        callbacks=("reports.finished",),
    )
    task = {
        "count": 9,
        "batch": 3,
        "stall_after": 30.0,
        "ended_ttl": 60.0,
        "fail_fast": True,
        "label": "own",
        "webhook": {"url": "https://hooks.example.org/x", "on": ["done"]},
        "callback": {"name": "reports.finished", "on": ["failed"]},
        "then": {"count": 1, "stall_after": 60.0, "on": ["done"]},
    }
    create(services, task=task)

    shown = body_of(services.trigger.get("/schedules/nightly"))["task"]

    assert shown == task
    again = body_of(services.trigger.post("/schedules", json=NIGHTLY | {"task": shown}))
    assert again["task"] == task


def test_a_schedule_keeps_the_priority_of_its_tasks(services: Services) -> None:
    for number, given in enumerate(({"priority": "high"}, {"priority": "normal"})):
        create(services, name=f"s{number}", task={"count": 1, "job": "demo", **given})

    shown = [body_of(services.trigger.get(f"/schedules/s{number}"))["task"] for number in range(2)]

    assert [task.get("priority") for task in shown] == ["high", "normal"]


def test_the_same_again_is_the_same_and_another_is_refused(services: Services) -> None:
    create(services)

    same = services.trigger.post("/schedules", json=NIGHTLY)
    other = services.trigger.post("/schedules", json=NIGHTLY | {"cron": "0 3 * * *"})

    assert body_of(same)["created_at"] == body_of(services.trigger.get("/schedules/nightly"))["created_at"]
    assert "PUT" in problem_of(other, 409)["detail"]
    assert body_of(services.trigger.get("/schedules/nightly"))["cron"] == "30 2 * * *"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"task": {"count": 3, "job": "nosuch"}}, "job"),
        ({"task": {"count": 3, "job": "demo", "params": {"nosuch": 1}}}, "params"),
        ({"task": {"job": "demo"}}, "count"),
        ({"task": {**TASK, "items": [1]}}, "task.items"),
        ({"task": {**TASK, "task_id": "x"}}, "task.task_id"),
        ({"name": "x" * 71}, "name"),
        ({"name": ".."}, "name"),
        ({"missed": "some"}, "missed"),
        ({"overlap": "kill"}, "overlap"),
        ({"grace": 1}, "grace"),
        ({"time_param": "nosuch"}, "params"),
        ({"time_param": "sleep_ms"}, "time_param"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
def test_what_could_not_run_is_refused_and_changes_nothing(
    services: Services, given: dict[str, Any], field: str
) -> None:
    refused = problem_of(services.trigger.post("/schedules", json=NIGHTLY | given), 422)

    assert field in [error["field"] for error in refused["errors"]]
    assert body_of(services.trigger.get("/schedules"))["schedules"] == []


def test_the_length_of_a_name_is_told_in_characters(services: Services) -> None:
    refused = problem_of(services.trigger.post("/schedules", json=NIGHTLY | {"name": "x" * 71}), 422)

    assert refused["detail"] == f"name is {'x' * 71!r}; it must have at most 70 characters"


def test_a_schedule_without_a_zone_has_that_of_the_site(real_store: Store) -> None:
    services = Services(real_store, zone="America/New_York")

    made = create(services, zone=None)

    assert made["zone"] == "America/New_York"


def test_the_times_of_a_changed_schedule_begin_now(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC")
    now = clock.now()
    earlier = f"{(now - timedelta(minutes=2)).minute} * * * *"

    changed = body_of(
        services.trigger.put("/schedules/nightly", json={"cron": earlier, "zone": "UTC", "task": TASK})
    )

    assert changed["cron"] == earlier
    assert fire(real_store, clock.now()) == []
    assert datetime.fromisoformat(changed["next_at"]) > now


def test_a_change_of_the_task_alone_leaves_out_no_firing(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC")
    body = {"cron": "* * * * *", "zone": "UTC", "task": {**TASK, "count": 5}}
    mark = changes.get(real_store, "nightly").mark

    body_of(services.trigger.put("/schedules/nightly", json=body))

    (task_id,) = fire(real_store, mark + timedelta(minutes=1))
    assert body_of(services.done.get(f"/tasks/{task_id}"))["count"] == 5
    assert changes.get(real_store, "nightly").mark.second == 0


def test_put_makes_a_schedule_that_is_not_there(services: Services) -> None:
    body = {"cron": "@daily", "task": TASK}

    made = body_of(services.trigger.put("/schedules/other", json=body), 201)

    assert (made["name"], made["cron"], made["zone"]) == ("other", "@daily", "UTC")


def test_a_paused_schedule_does_not_fire_nor_make_up_for_it(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC", missed="all")
    begin = changes.get(real_store, "nightly").mark

    paused = body_of(services.trigger.post("/schedules/nightly/pause"))
    while_paused = fire(real_store, begin + timedelta(minutes=2))
    resumed = body_of(services.trigger.post("/schedules/nightly/resume"))

    assert (paused["paused"], paused["next_at"], while_paused) == (True, None, [])
    assert resumed["paused"] is False
    assert changes.get(real_store, "nightly").mark >= begin
    assert len(fire(real_store, changes.get(real_store, "nightly").mark + timedelta(minutes=1))) == 1


def test_resuming_what_runs_leaves_out_no_firing(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC")
    mark = changes.get(real_store, "nightly").mark

    body_of(services.trigger.post("/schedules/nightly/resume"))

    assert changes.get(real_store, "nightly").mark == mark


def test_a_schedule_that_is_made_paused_waits(services: Services) -> None:
    made = create(services, paused=True)

    assert (made["paused"], made["next_at"]) == (True, None)
    assert made["upcoming"]


def test_a_deleted_schedule_is_gone_and_its_tasks_stay(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC")
    (task_id,) = fire(real_store, changes.get(real_store, "nightly").mark + timedelta(minutes=1))

    deleted = services.trigger.delete("/schedules/nightly")

    assert deleted.status_code == 204
    assert problem_of(services.trigger.get("/schedules/nightly"), 404)
    assert body_of(services.trigger.get("/schedules"))["schedules"] == []
    assert fire(real_store, clock.now()) == []
    assert real_store.schedules.names() == []
    assert body_of(services.done.get(f"/tasks/{task_id}"))["state"] == "running"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/run"),
    ],
)
def test_an_unknown_schedule_is_404(services: Services, real_store: Store, method: str, path: str) -> None:
    problem_of(services.trigger.open(f"/schedules/nosuch{path}", method=method), 404)

    assert fire(real_store, clock.now()) == []
    assert real_store.schedules.names() == []


def test_a_schedule_runs_out_of_turn_once_a_key(services: Services, real_store: Store) -> None:
    create(services)
    mark = changes.get(real_store, "nightly").mark

    first = body_of(services.trigger.post("/schedules/nightly/run", headers={"Idempotency-Key": "a"}), 202)
    again = body_of(services.trigger.post("/schedules/nightly/run", headers={"Idempotency-Key": "a"}))
    other = body_of(services.trigger.post("/schedules/nightly/run"), 202)
    changed = {"cron": NIGHTLY["cron"], "zone": NIGHTLY["zone"], "task": {"count": 8}}
    body_of(services.trigger.put("/schedules/nightly", json=changed))
    later = body_of(services.trigger.post("/schedules/nightly/run", headers={"Idempotency-Key": "a"}))

    assert first["task_id"] == again["task_id"] == later["task_id"] != other["task_id"]
    assert first["task_id"].startswith("nightly.")
    assert changes.get(real_store, "nightly").mark == mark


def test_schedules_are_listed_by_name_in_pages(services: Services) -> None:
    for name in ("c", "a", "b"):
        create(services, name=name)

    first = body_of(services.trigger.get("/schedules?limit=2"))
    second = body_of(services.trigger.get(f"/schedules?limit=2&after={first['next']}"))

    assert [one["name"] for one in first["schedules"]] == ["a", "b"]
    assert ([one["name"] for one in second["schedules"]], second["next"]) == (["c"], None)


def test_a_schedule_that_is_gone_does_not_end_the_list(services: Services) -> None:
    for name in ("a", "b", "c", "d"):
        create(services, name=name)
    for name in ("a", "b", "c"):
        services.trigger.delete(f"/schedules/{name}")

    listed = body_of(services.trigger.get("/schedules?limit=1"))

    assert ([one["name"] for one in listed["schedules"]], listed["next"]) == (["d"], None)


def test_only_so_many_schedules_are_kept(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_SCHEDULES", 1)
    create(services)

    refused = services.trigger.post("/schedules", json=NIGHTLY | {"name": "other"})
    put = services.trigger.put("/schedules/other", json={"cron": "@daily", "task": TASK})
    same = services.trigger.post("/schedules", json=NIGHTLY)

    assert problem_of(refused, 409)["detail"] == problem_of(put, 409)["detail"]
    assert same.status_code == 200


def test_a_firing_of_the_past_is_shown_with_its_task(services: Services, real_store: Store) -> None:
    create(services, cron="* * * * *", zone="UTC")
    (task_id,) = fire(real_store, changes.get(real_store, "nightly").mark + timedelta(minutes=1))

    shown = body_of(services.trigger.get("/schedules/nightly"))

    assert (shown["last_task_id"], shown["started"]) == (task_id, 1)
    assert datetime.fromisoformat(shown["last_firing_at"]).astimezone(UTC).second == 0
