"""The expectations on the page of schedules, without a browser: forms by plain POST, and their refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from donebit.schedules import expecting
from donebit.store import Store
from tests.trigger_app.test_expectation_routes import RECEIVERS
from tests.trigger_app.test_pages import PEOPLE, SCRIPTS
from tests.web.services import Services, body_of, problem_of

FORM = {"name": "backup", "cron": "0 3 * * *", "zone": "Europe/Berlin", "label": "nightly", "within": "90"}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store, **RECEIVERS)


def post(services: Services, path: str, accept: dict[str, str], **form: str) -> TestResponse:
    return services.trigger.post(f"/expectation{path}", data=form, headers=accept)


def page(services: Services) -> str:
    return services.trigger.get("/schedule", headers=PEOPLE).text


def test_the_form_makes_one_that_is_listed_in_words(services: Services, real_store: Store) -> None:
    more = {"expected": "started", "job": "demo", "webhook": "https://hooks.example.org/x"}

    answer = post(services, "", PEOPLE, **FORM, **more, callback="reports.finished")

    made = expecting.get(real_store, "backup").spec
    assert (answer.status_code, answer.headers["Location"]) == (303, "/schedule#expectations-title")
    assert (made.within, made.webhook and made.webhook.url) == (timedelta(minutes=90), more["webhook"])
    assert made.callback
    assert made.callback.name == "reports.finished"
    assert "a task started (label nightly, job demo)" in page(services)


def test_a_script_hears_what_each_button_did(services: Services, real_store: Store) -> None:
    said = [
        body_of(post(services, path, SCRIPTS, **form))["detail"]
        for path, form in [
            ("", FORM),
            ("", FORM | {"cron": "0 4 * * *"}),
            ("/backup/pause", {}),
            ("/backup/resume", {}),
            ("/backup/delete", {}),
        ]
    ]

    done = ("created", "changed", "paused", "judged again", "deleted")
    assert said == [f"Expectation backup is {what}." for what in done]
    assert expecting.list_expectations(real_store) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cron": ""}, "cron"),
        ({"name": ""}, "name"),
        ({"label": ""}, "label"),
        ({"label": "no label"}, "label"),
        ({"within": "x"}, "within"),
        ({"within": "0"}, "within"),
        ({"expected": "failed"}, "expected"),
        ({"webhook": "https://elsewhere.example.org/"}, "webhook"),
    ],
)
def test_what_is_no_expectation_is_refused(
    services: Services, real_store: Store, given: dict[str, str], field: str
) -> None:
    problem = problem_of(post(services, "", SCRIPTS, **FORM | given))

    assert field in problem["detail"]
    assert expecting.list_expectations(real_store) == []
