"""The page of schedules, without a browser: forms by plain POST, refusals for people and for scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from donebit.schedules import changes
from donebit.store import Store
from tests.trigger_app.test_pages import PEOPLE, SCRIPTS
from tests.web.services import Services, body_of, problem_of
from trigger_app.pages import failures, history, schedules
from trigger_app.pages.distinct import figures
from trigger_app.pages.last_reads import LastReads

FORM = {"name": "nightly", "cron": "30 2 * * *", "zone": "Europe/Berlin", "count": "3", "job": "demo"}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def post(services: Services, path: str, accept: dict[str, str], **form: str) -> TestResponse:
    return services.trigger.post(f"/schedule{path}", data=form, headers=accept)


def page(services: Services, query: str = "") -> str:
    return services.trigger.get(f"/schedule{query}", headers=PEOPLE).text


def test_the_form_makes_a_schedule_and_leads_back_to_the_page(services: Services, real_store: Store) -> None:
    form = FORM | {"params": '{"sleep_ms": 7}', "priority": "high", "missed": "all", "overlap": "queue"}

    answer = post(services, "", PEOPLE, **form)

    made = changes.get(real_store, "nightly").spec
    assert (answer.status_code, answer.headers["Location"]) == (303, "/schedule")
    assert (made.timing.zone, made.task.params, made.task.priority) == (
        "Europe/Berlin",
        {"sleep_ms": 7},
        "high",
    )
    assert (made.missed, made.overlap) == ("all", "queue")
    shown = page(services)
    assert "30 2 * * *" in shown
    assert "demo, 3 steps, high priority" in shown


def test_the_form_offers_no_job_that_a_number_of_steps_cannot_start(real_store: Store) -> None:
    shown = page(Services(real_store, jobs=("tests.integration.own_jobs",)))

    assert "demo</option>" in shown
    assert not {job for job in ("length", "sum") if f">{job}</option>" in shown}


def test_a_script_hears_of_the_schedule_that_the_form_made(services: Services) -> None:
    assert body_of(post(services, "", SCRIPTS, **FORM))["name"] == "nightly"


@pytest.mark.parametrize(
    ("given", "field"),
    [({"cron": ""}, "cron"), ({"name": ""}, "name"), ({"count": "x"}, "count"), ({"params": "{"}, "params")],
)
def test_what_is_no_schedule_is_refused(services: Services, given: dict[str, str], field: str) -> None:
    problem = problem_of(post(services, "", SCRIPTS, **FORM | given), 422)

    assert field in str(problem)


def test_each_button_does_what_it_says(services: Services, real_store: Store) -> None:
    post(services, "", SCRIPTS, **FORM)

    paused = body_of(post(services, "/nightly/pause", SCRIPTS))
    shown = page(services)
    resumed = body_of(post(services, "/nightly/resume", SCRIPTS))
    ran = body_of(post(services, "/nightly/run", SCRIPTS), 202)
    deleted = body_of(post(services, "/nightly/delete", SCRIPTS))

    assert paused["detail"] == "Schedule nightly is paused."
    assert 'data-paused="true"' in shown
    assert resumed["detail"] == "Schedule nightly fires again."
    assert ran["task_id"].startswith("nightly.")
    assert deleted["detail"] == "Schedule nightly is deleted."
    assert "No schedules yet" in page(services)
    assert changes.list_schedules(real_store) == []


def test_a_button_without_script_leads_on(services: Services) -> None:
    post(services, "", SCRIPTS, **FORM)

    paused = post(services, "/nightly/pause", PEOPLE)
    ran = post(services, "/nightly/run", PEOPLE)

    assert (paused.status_code, paused.headers["Location"]) == (303, "/schedule")
    assert ran.headers["Location"].startswith("/tasks/nightly.")


def test_the_page_is_paged(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "SHOWN", 2)
    for name in ("c", "a", "b"):
        post(services, "", SCRIPTS, **FORM | {"name": name})

    assert 'data-id="b"' in page(services)
    assert 'href="/schedule?after=b"' in page(services)
    assert 'data-id="c"' in page(services, "?after=b")
    assert 'data-id="a"' not in page(services, "?after=b")


def test_a_browser_at_the_address_of_the_api_is_led_to_the_page(services: Services) -> None:
    led = services.trigger.get("/schedules", headers=PEOPLE)

    assert (led.status_code, led.headers["Location"]) == (302, "/schedule")


def test_who_watches_one_part_keeps_no_other_part_from_being_read() -> None:
    reads = LastReads(timedelta(minutes=1))

    assert [reads.is_recent(after) for after in ("", "m", "", "m")] == [False, False, True, True]


@pytest.mark.parametrize(
    ("path", "last_reads"),
    [
        ("/events/schedules", schedules.last_reads),
        ("/events/history/24h", history.last_reads),
        ("/events/task/nightly", failures.last_reads),
        ("/events/distinct/example", figures.last_reads),
    ],
)
def test_a_stream_does_not_begin_with_what_was_read_before(
    services: Services, path: str, last_reads: LastReads
) -> None:
    assert [last_reads.is_recent("one") for _ in range(2)] == [False, True]

    services.trigger.get(path).close()

    assert not last_reads.is_recent("one")
