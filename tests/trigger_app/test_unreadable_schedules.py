"""A schedule or expectation that cannot be read is named, and keeps none of the others from being shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from donebit.completion import lifecycle, reporting
from donebit.completion.announcing import announce
from donebit.schedules.judging import Witness
from donebit.store import Store, keys
from tests.completion.arranged import start
from tests.web.services import Services, body_of, problem_of

BODIES: dict[str, Any] = {
    "schedules": {"cron": "@daily", "zone": "Europe/Berlin", "task": {"count": 1}},
    "expectations": {"cron": "@daily", "zone": "Europe/Berlin", "label": "backup"},
}
KEYS = {"schedules": keys.schedule, "expectations": keys.expectation}
# Of another version, and of a host that knows a zone which this one does not.
UNREADABLE = {"unknown to this version": {"missed": "twice", "expected": "twice"}, "zone": {"zone": "Mars/X"}}


@pytest.fixture(params=UNREADABLE)
def services(request: pytest.FixtureRequest, real_client: Redis, real_store: Store) -> Services:
    """Services that have two schedules and two expectations, of which the first cannot be read."""
    services = Services(real_store)
    for kind, body in BODIES.items():
        for name in ("broken", "sound"):
            body_of(services.trigger.put(f"/{kind}/{name}", json=body), 201)
        key = KEYS[kind]("broken")
        spec = json.loads(real_client.hget(key, "spec") or "")
        real_client.hset(key, "spec", json.dumps(spec | UNREADABLE[request.param]))
    return services


@pytest.mark.parametrize("kind", BODIES)
def test_the_others_are_listed(services: Services, kind: str) -> None:
    listed = body_of(services.trigger.get(f"/{kind}"))[kind]

    assert [one["name"] for one in listed] == ["sound"]
    assert services.trigger.get("/schedule").status_code == 200


def test_the_figures_are_shown(services: Services) -> None:
    answer = services.done.get("/metrics")

    assert answer.status_code == 200
    assert 'donebit_schedule_firings_total{result="started",schedule="sound"} 0.0' in answer.text
    assert 'donebit_expectation_met{expectation="sound"} 1.0' in answer.text


@pytest.mark.parametrize("kind", BODIES)
def test_it_is_named_and_can_be_replaced(services: Services, kind: str) -> None:
    address = f"/{kind}/broken"
    refused = problem_of(services.trigger.get(address), 409)

    replaced = body_of(services.trigger.put(address, json=BODIES[kind]), 200)

    assert "broken cannot be read here: " in refused["detail"]
    assert body_of(services.trigger.get(address)) == replaced


def test_the_end_of_a_task_that_it_means_is_announced(services: Services, real_store: Store) -> None:
    task = start(real_store, 1, label="backup")
    reporting.report(real_store, task.id, [0])

    announce(real_store, task.id, lambda ended: Witness().note(real_store, ended))

    assert lifecycle.get_task(real_store, task.id).task.announced_at
    assert body_of(services.trigger.get("/expectations"))["expectations"][0]["met"]
