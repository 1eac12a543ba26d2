"""Expectations over HTTP: what is asked for is checked, kept, shown and changed."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from donebit import clock
from donebit.completion.ttls import TaskTtls
from donebit.schedules import expecting
from donebit.schedules.judging import Judge
from donebit.store import Store
from tests.trigger_app.test_pages import PEOPLE
from tests.web.services import Services, body_of, problem_of

BODY = {"cron": "0 3 * * *", "zone": "Europe/Berlin", "label": "backup"}
RECEIVERS: dict[str, Any] = {
    "webhook_hosts": ("hooks.example.org",),
    "webhook_secret": base64.b64encode(b"s" * 32).decode(),
    "callbacks": ("reports.finished",),
}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store, **RECEIVERS)


def put(services: Services, status: int = 201, /, **other: Any) -> Any:
    return body_of(services.trigger.put("/expectations/backup", json=BODY | other), status)


def test_an_expectation_is_shown_as_it_was_asked_for(services: Services) -> None:
    receivers: dict[str, Any] = {"webhook": "https://hooks.example.org/x", "callback": "reports.finished"}
    put(services, expected="started", within=3600, **receivers)

    shown = body_of(services.trigger.get("/expectations/backup"))

    assert {field: shown[field] for field in BODY} == BODY
    assert {field: shown[field] for field in receivers} == receivers
    assert (shown["expected"], shown["within"], shown["met"], shown["missed"]) == ("started", 3600, True, 0)
    assert body_of(services.trigger.get("/expectations"))["expectations"] == [shown]


def test_it_is_paused_and_resumed(services: Services) -> None:
    put(services)

    paused = body_of(services.trigger.post("/expectations/backup/pause"))
    changed = put(services, 200, cron="0 4 * * *")
    resumed = body_of(services.trigger.post("/expectations/backup/resume"))

    assert [one["paused"] for one in (paused, changed, resumed)] == [True, True, False]
    assert [one["next_deadline"] is None for one in (paused, changed, resumed)] == [True, True, False]
    problem_of(services.trigger.post("/expectations/nosuch/pause"), 404)


def test_it_is_changed_and_deleted(services: Services, real_store: Store) -> None:
    put(services)

    changed = put(services, 200, cron="0 4 * * *")
    deleted = services.trigger.delete("/expectations/backup")

    assert (changed["cron"], deleted.status_code) == ("0 4 * * *", 204)
    problem_of(services.trigger.get("/expectations/backup"), 404)
    problem_of(services.trigger.delete("/expectations/backup"), 404)
    assert expecting.list_expectations(real_store) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"zone": "Nowhere"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"label": None}, "label"),
        ({"within": 90}, "within"),
        ({"within": 59}, "within"),
        ({"webhook": "https://elsewhere.example.org/"}, "webhook"),
        ({"webhook": ""}, "webhook"),
        ({"callback": "nosuch"}, "callback"),
        ({"callback": ""}, "callback"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
def test_what_cannot_be_is_refused(services: Services, given: dict[str, Any], field: str) -> None:
    refused = problem_of(services.trigger.put("/expectations/backup", json=BODY | given), 422)

    assert field in str(refused["errors"])
    assert body_of(services.trigger.get("/expectations"))["expectations"] == []


def test_a_time_that_is_no_whole_minutes_is_named_in_full(services: Services) -> None:
    refused = problem_of(services.trigger.put("/expectations/backup", json=BODY | {"within": 1_234_567}), 422)

    assert refused["detail"] == "within is 1234567; it must be 60 to 2678400 seconds, in whole minutes"


def test_a_miss_is_seen_in_the_answer_the_page_and_the_metrics(services: Services, real_store: Store) -> None:
    put(services, cron="* * * * *", within=60)
    later = clock.now() + timedelta(minutes=3)
    Judge(real_store, lambda _: None, TaskTtls(timedelta(days=1), timedelta(days=1))).run(later)

    shown = body_of(services.trigger.get("/expectations/backup"))
    page = services.trigger.get("/schedule", headers=PEOPLE).text
    metrics = services.trigger.get("/metrics").text

    assert (shown["met"], shown["missed"] >= 1) == (False, True)
    assert "missed since <time" in page
    assert 'donebit_expectation_met{expectation="backup"} 0.0' in metrics


def test_only_so_many_expectations_are_kept(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expecting, "MOST_EXPECTATIONS", 1)
    put(services)

    refused = services.trigger.put("/expectations/other", json=BODY)

    assert "1 expectations, which is the most" in problem_of(refused, 409)["detail"]
    assert put(services, 200, cron="0 5 * * *")["cron"] == "0 5 * * *"
