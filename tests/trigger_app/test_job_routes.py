"""Jobs and their past runs, over HTTP and as pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import announcing, failing, lifecycle
from donebit.completion.history import PastRun
from donebit.completion.state import State
from donebit.store import Store, keys
from donebit.store.history import RUN
from tests.web.services import Services, body_of, problem_of
from trigger_app import job_history
from trigger_app.pages import jobs

PEOPLE = {"Accept": "text/html"}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def ended(services: Services, store: Store, *failed: int, count: int = 4) -> str:
    task_id = services.start(count, job="demo", params={"sleep_ms": 7})
    for step in failed:
        failing.fail(store, task_id, step, "no")
    done = [step for step in range(count) if step not in failed]
    body_of(services.done.post(f"/tasks/{task_id}/steps", json={"steps": done}))
    announcing.announce(store, task_id)
    return task_id


def test_jobs_are_listed_with_what_they_do_and_their_last_run(services: Services, real_store: Store) -> None:
    task_id = ended(services, real_store, 1)

    jobs = {one["name"]: one for one in body_of(services.trigger.get("/jobs"))["jobs"]}

    assert {"demo", "visit"} <= set(jobs)
    assert jobs["demo"]["description"].startswith("Sleep")
    assert jobs["demo"]["params"]["properties"]["sleep_ms"]["default"] == 100
    assert (jobs["demo"]["registered"], jobs["demo"]["runs"]) == (True, 1)
    last = jobs["demo"]["last_run"]
    assert (last["task_id"], last["end"], last["strip"]) == (task_id, "failed", "dfdd")
    assert (last["done_steps"], last["failed_steps"], last["order_kept"]) == (3, 1, True)
    assert jobs["visit"]["last_run"] is None


def test_last_runs_of_one_moment_are_each_of_its_own_job(
    services: Services, real_store: Store, real_client: Redis
) -> None:
    """The ids of two streams may be the same."""
    ended(services, real_store)
    entry = real_store.history.runs("demo", 1)[0]
    for job in ("one", "two"):
        text: Any = {RUN: entry.text.replace(entry.text.partition(b" ")[0], job.encode())}
        real_client.xadd(keys.runs(job), text, id="1-0")
        real_client.expire(keys.runs(job), 100)
        real_client.zadd(keys.JOBS, {job: 1})

    found = {one["name"]: one["last_run"] for one in body_of(services.trigger.get("/jobs"))["jobs"]}

    assert (found["one"]["task_id"], found["two"]["task_id"]) == ("one", "two")


def test_a_job_says_how_and_how_many_of_its_steps_run(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = job_history.describe
    monkeypatch.setattr(
        job_history,
        "describe",
        lambda name, job, *more: found(name, job and replace(job, max_concurrency=2, priority="high"), *more),
    )

    jobs = body_of(services.trigger.get("/jobs"))["jobs"]

    assert {(one["max_concurrency"], one["priority"]) for one in jobs} == {(2, "high")}
    page = services.trigger.get("/jobs/demo", headers=PEOPLE).text
    assert "2 at once at most, high priority" in page


def test_the_runs_of_a_job_come_in_pages(services: Services, real_store: Store) -> None:
    tasks = [ended(services, real_store) for _ in range(3)]

    first = body_of(services.trigger.get("/jobs/demo?limit=2"))
    rest = body_of(services.trigger.get(f"/jobs/demo?limit=2&before={first['next']}"))

    assert [one["task_id"] for one in first["runs"] + rest["runs"]] == tasks[::-1]
    assert rest["next"] is None
    assert first["job"]["name"] == "demo"


def test_a_run_outlives_its_task_and_says_that_the_order_is_gone(
    services: Services, real_store: Store
) -> None:
    task_id = ended(services, real_store)
    lifecycle.delete(real_store, task_id)

    (run,) = body_of(services.trigger.get("/jobs/demo"))["runs"]
    page = services.trigger.get("/jobs/demo", headers=PEOPLE).text

    assert (run["task_id"], run["order_kept"]) == (task_id, False)
    assert "Its order is gone" in page
    assert "Run again" not in page


@pytest.mark.parametrize("path", ["/jobs/demo", "/audit"])
@pytest.mark.parametrize("before", ["0-0", "00-000", "0-1", "9999999999999999999-9999999999999999999"])
def test_a_page_may_begin_anywhere(services: Services, real_store: Store, path: str, before: str) -> None:
    ended(services, real_store)

    found = body_of(services.trigger.get(f"{path}?before={before}"))

    listed = found["runs" if path == "/jobs/demo" else "entries"]
    assert bool(listed) == before.startswith("9")
    assert found["next"] is None


@pytest.mark.parametrize("path", ["/jobs", "/jobs/demo", "/audit", "/history"])
def test_a_cache_keeps_the_page_and_the_json_of_an_address_apart(services: Services, path: str) -> None:
    answers = [services.trigger.get(path, headers=headers) for headers in ({}, PEOPLE)]

    assert [one.mimetype for one in answers] == ["application/json", "text/html"]
    assert ["Accept" in one.headers.get("Vary", "") for one in answers] == [True, True]


def test_a_run_is_run_again_from_the_page_of_its_job(services: Services, real_store: Store) -> None:
    task_id = ended(services, real_store, 1)

    shown = services.trigger.get("/jobs/demo", headers=PEOPLE)
    listed = services.trigger.get("/jobs", headers=PEOPLE).text
    again = services.trigger.post(f"/tasks/{task_id}/again", headers=PEOPLE)

    assert f'action="/tasks/{task_id}/again"' in shown.text
    assert shown.text.count('<i class="f">') == 1
    assert 'href="/jobs/demo"' in listed
    assert again.status_code == 303


def test_a_task_is_run_again_with_changes_from_its_page(services: Services) -> None:
    task_id = services.start(2, job="demo", params={"sleep_ms": 7, "fail_percent": 3}, label="old")
    services.done.post(f"/tasks/{task_id}/cancel")
    page = services.trigger.get(f"/tasks/{task_id}", headers=PEOPLE).text

    form = {"params": '{"sleep_ms": 0}', "label": "new"}
    again = services.trigger.post(f"/tasks/{task_id}/again", data=form, headers=PEOPLE)

    task = body_of(services.done.get(again.headers["Location"]))
    assert '{"fail_percent": 3, "sleep_ms": 7}</textarea>' in page
    assert 'href="/jobs/demo"' in page
    assert (task["rerun_of"], task["label"]) == (task_id, "new")
    assert task["params"] == {"sleep_ms": 0, "fail_percent": 3}


@pytest.mark.parametrize("params", ["{", "[]", "7", '{"sleep_ms": "soon"}', '{"nosuch": 1}'])
def test_changes_that_are_no_parameters_start_nothing(services: Services, params: str) -> None:
    task_id = services.start(2, job="demo")
    services.done.post(f"/tasks/{task_id}/cancel")

    problem_of(services.trigger.post(f"/tasks/{task_id}/again", data={"params": params}), 422)

    assert len(body_of(services.done.get("/tasks"))["tasks"]) == 1


def test_the_page_of_a_job_leads_to_the_form_that_starts_one(real_store: Store) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",))

    page, items = (services.trigger.get(f"/jobs/{name}", headers=PEOPLE).text for name in ("note", "length"))

    assert '<a href="/?job=note">' in page
    assert "/?job=" not in items


def test_the_page_draws_the_runs_from_the_oldest_on(services: Services, real_store: Store) -> None:
    ended(services, real_store)
    one_run = services.trigger.get("/jobs/demo", headers=PEOPLE).text
    second = ended(services, real_store, 1, 2)

    page = services.trigger.get("/jobs/demo", headers=PEOPLE).text

    assert 'class="chart"' not in one_run
    assert 'aria-label="2 failed steps of 2 runs."' in page
    assert f"<title>{second}, " in page
    assert [page.count(f'<rect class="{end}" x="50.0%"') for end in ("done", "failed")] == [0, 2]


@pytest.mark.parametrize(
    ("ms", "unit", "marks"),
    [
        ((1, 1500), "milliseconds", [0, 500, 1000, 1500]),
        ((2000, 7000), "seconds", [0, 2, 4, 6]),
        ((1, 150_000), "minutes", [0, 1, 2]),
        ((0, 0), "milliseconds", [0, 1]),
        ((1, 7 * 86_400_000), "days", [0, 2, 4, 6]),
    ],
)
def test_durations_have_round_marks_in_a_fitting_unit(
    ms: tuple[int, int], unit: str, marks: list[int]
) -> None:
    runs = [past_run(one) for one in ms]

    drawn = jobs.durations(runs)

    assert drawn.title == f"Duration in {unit}"
    assert [tick.value for tick in drawn.ticks] == marks


def past_run(took_ms: int) -> PastRun:
    began = clock.now()
    return PastRun("1-0", "x", 1, State.DONE, 1, 1, 0, began, began + timedelta(milliseconds=took_ms), "d")


def test_a_job_that_is_not_registered_any_more_has_its_runs(services: Services, real_store: Store) -> None:
    task_id = ended(services, real_store)
    entry = real_store.history.runs("demo", 1)[0]
    ttl = lifecycle.get_task(real_store, task_id).task.history_ttl
    real_store.history.append_run("gone", task_id, entry.text, now_ms=1, ttl=ttl)

    found = body_of(services.trigger.get("/jobs/gone"))

    assert (found["job"]["registered"], found["job"]["max_attempts"]) == (False, None)
    assert [one["task_id"] for one in found["runs"]] == [task_id]
    assert "Not registered any more" in services.trigger.get("/jobs/gone", headers=PEOPLE).text


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/jobs/nosuch", 404, "no job nosuch is known"),
        ("/jobs/demo?limit=0", 422, "limit"),
        ("/jobs/demo?before=x", 422, "the id of a run"),
        ("/jobs?limit=1", 422, "unknown query parameter: limit"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(services: Services, path: str, status: int, why: str) -> None:
    assert why in problem_of(services.trigger.get(path), status)["detail"]
