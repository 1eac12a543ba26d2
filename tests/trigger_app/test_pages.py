"""What the pages answer, without a browser: forms by plain POST, refusals for people and for scripts."""

from __future__ import annotations

import logging
import re

import pytest
from werkzeug.test import TestResponse

from donebit.completion import failing, lifecycle, reporting
from donebit.completion.diagnosis import Waiting
from donebit.store import Store
from donebit.store.failures import FailedAttempt
from tests.web.services import Services, body_of, problem_of
from tests.workers.arranged import say
from trigger_app.pages.fragments import WAITS, moment, percent
from trigger_app.pages.sign_in import own_path

PEOPLE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPTS = {"Accept": "application/json"}


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store)


def post(services: Services, path: str, accept: dict[str, str], **form: object) -> TestResponse:
    return services.trigger.post(path, data=form, headers=accept)


def home(services: Services) -> str:
    return services.trigger.get("/", headers=PEOPLE).text


def test_the_form_starts_a_task_and_leads_to_its_page(services: Services) -> None:
    form = {"count": 3, "job": "demo", "param.sleep_ms": "7", "label": "mine"}

    answer = post(services, "/start", PEOPLE, **form)

    assert answer.status_code == 303
    task = body_of(services.done.get(answer.headers["Location"]))
    assert (task["count"], task["job"], task["params"], task["label"]) == (3, "demo", {"sleep_ms": 7}, "mine")
    assert services.trigger.get(answer.headers["Location"], headers=PEOPLE).status_code == 200


@pytest.mark.parametrize("chosen", ["", "normal", "high"])
def test_the_form_offers_the_priorities_that_it_takes(services: Services, chosen: str) -> None:
    (offered,) = re.findall(r'<select name="priority">(.*?)</select>', home(services), re.DOTALL)

    answer = post(services, "/start", PEOPLE, count=3, job="demo", priority=chosen)

    task = body_of(services.done.get(answer.headers["Location"]))
    assert re.findall(r"<option[^>]*>(\w+)</option>", offered) == ["default", "normal", "high"]
    assert task["priority"] == (chosen or "normal")


def test_the_form_leads_to_the_fields_of_a_job_without_its_token(services: Services) -> None:
    """Without a script; an address is kept by the browser, and sent to others."""
    typed = {"count": "12", "job": "note", "label": "a label", "priority": "high"}
    answer = post(services, "/start", PEOPLE, begun=1, form_token="secret", **typed)

    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/?begun=1&count=12&job=note&label=a+label&priority=high",
    )


def test_jobs_that_take_items_or_results_are_not_in_the_form(real_store: Store) -> None:
    services = Services(real_store, jobs=("tests.integration.own_jobs",))

    page = home(services)

    offered = set(re.findall(r"<option[^>]*>(\w+)</option>", page))
    assert {"demo", "note", "square"} <= offered
    assert not {"length", "sum"} & offered
    assert "<code>length</code>" in page


def test_a_script_hears_of_the_task_that_the_form_started(services: Services) -> None:
    body = body_of(post(services, "/start", SCRIPTS, count="3", job=""), 202)

    assert (body["count"], body["job"]) == (3, None)


def test_the_form_starts_a_task_without_steps_which_is_done(services: Services) -> None:
    answer = post(services, "/start", PEOPLE, count=0, job="demo")

    page = services.trigger.get(answer.headers["Location"], headers=PEOPLE)
    assert (answer.status_code, page.status_code) == (303, 200)
    assert 'data-state="done"' in page.text
    assert body_of(services.done.get("/tasks?state=done"))["tasks"][0]["count"] == 0


@pytest.mark.parametrize("count", ["", "-1", "x", "1.5", "9" * 30, "٣"])
def test_a_count_that_is_none_is_refused_and_starts_nothing(services: Services, count: str) -> None:
    problem = problem_of(post(services, "/start", SCRIPTS, count=count, job="demo"))

    assert problem["detail"].startswith("count is ")
    assert "it must be 0 to 10000000" in problem["detail"]
    assert body_of(services.done.get("/tasks"))["tasks"] == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"job": "nobody"}, "job is &#39;nobody&#39;"),
        ({"job": "demo", "param.sleep_ms": "soon"}, "Sleep_ms is &#39;soon&#39;; it must be an integer"),
        ({"job": "demo", "label": "a b"}, "Label is &#39;a b&#39;"),
        ({"job": "demo", "priority": "urgent"}, "Priority is &#39;urgent&#39;"),
    ],
)
def test_people_are_told_of_a_refusal_on_a_page(services: Services, form: dict[str, str], words: str) -> None:
    answer = post(services, "/start", PEOPLE, count="3", **form)

    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert words.lower() in answer.text.lower()


def test_the_script_of_a_form_is_answered_with_the_refusal(services: Services) -> None:
    refused = post(services, "/start", SCRIPTS | {"Donebit-Form": "1"}, count="3", job="nobody")

    assert refused.status_code == 200
    assert problem_of(post(services, "/start", SCRIPTS, count="3", job="nobody")) == refused.get_json()
    assert body_of(services.done.get("/tasks"))["tasks"] == []


def test_a_failure_is_shown_with_the_item_of_its_step(services: Services) -> None:
    started = services.trigger.post("/tasks", json={"items": ["<a>.txt", "b.txt"]}).get_json()
    services.done.post(f"/tasks/{started['task_id']}/failures", json={"step": 0, "error": "no"})

    page = services.trigger.get(f"/tasks/{started['task_id']}", headers=PEOPLE).text
    without = services.trigger.get(f"/tasks/{services.start(1)}", headers=PEOPLE).text

    assert ("a\\u003e.txt" in page, "<a>.txt" in page, "Item</th>" in page) == (True, False, True)
    assert "Item</th>" not in without


def test_the_question_before_a_deletion_names_all_that_goes(services: Services) -> None:
    task_id = services.start(1)

    assert (
        "bitmap, failures, items, results and record" in services.trigger.get(f"/tasks/{task_id}/delete").text
    )


def test_the_list_shows_an_open_task_that_waits_to_be_closed(services: Services) -> None:
    body_of(services.trigger.post("/tasks", json={"task_id": "crawl", "open": True}), 202)

    shown = services.trigger.get("/").get_data(as_text=True)

    assert "open until it is closed" in shown
    assert 'max="1" value="0" aria-label="Steps done of task crawl"' in shown


def test_the_list_has_words_for_all_that_a_task_may_wait_for() -> None:
    assert set(WAITS) == set(Waiting)


def test_an_open_task_is_closed_by_a_button(services: Services, real_store: Store) -> None:
    task_id = services.start(0, open=True)

    page = services.trigger.get(f"/tasks/{task_id}", headers=PEOPLE).text
    closed = post(services, f"/tasks/{task_id}/close", SCRIPTS).status_code

    assert (f'action="/tasks/{task_id}/close"' in page, "It is open: it has no steps yet" in page) == (
        True,
        True,
    )
    assert "Equal: every step so far is done." in page
    assert closed == 204
    assert lifecycle.get_task(real_store, task_id).task.state == "done"
    assert "/close" not in services.trigger.get(f"/tasks/{task_id}", headers=PEOPLE).text


def test_a_task_is_cancelled_extended_resumed_and_deleted(services: Services, real_store: Store) -> None:
    task_id = services.start(3)

    extended = post(services, f"/tasks/{task_id}/extend", SCRIPTS, count="5").status_code
    count = lifecycle.get_task(real_store, task_id).task.count
    reporting.report(real_store, task_id, [0, 1, 2, 3])
    failing.fail(real_store, task_id, 4, "no")
    resumed = post(services, f"/tasks/{task_id}/resume", SCRIPTS).status_code
    cancelled = post(services, f"/tasks/{task_id}/cancel", PEOPLE)
    state = lifecycle.get_task(real_store, task_id).task.state
    deleted = post(services, f"/tasks/{task_id}/delete", PEOPLE)

    assert (extended, count, resumed) == (204, 5, 204)
    assert (cancelled.status_code, cancelled.headers["Location"], state) == (
        303,
        f"/tasks/{task_id}",
        "cancelled",
    )
    assert (deleted.status_code, deleted.headers["Location"]) == (303, "/")
    problem_of(services.done.get(f"/tasks/{task_id}"), 404)


def test_the_page_pauses_a_task_and_offers_to_resume_it(services: Services) -> None:
    task_id = services.start(3)

    paused = post(services, f"/tasks/{task_id}/pause", PEOPLE)
    page, tasks = services.trigger.get(f"/tasks/{task_id}", headers=PEOPLE), services.trigger.get("/")
    post(services, f"/tasks/{task_id}/resume", PEOPLE)
    resumed = services.trigger.get(f"/tasks/{task_id}", headers=PEOPLE)

    assert (paused.status_code, paused.headers["Location"]) == (303, f"/tasks/{task_id}")
    assert 'data-state="paused"' in page.text
    assert 'data-state="paused"' in tasks.text
    assert f'action="/tasks/{task_id}/resume"' in page.text
    assert f'action="/tasks/{task_id}/pause"' not in page.text
    assert f'action="/tasks/{task_id}/pause"' in resumed.text


@pytest.mark.parametrize("path", ["/start", "/tasks/%00"])
def test_the_page_of_a_problem_ends_in_one_full_stop(services: Services, path: str) -> None:
    page = services.trigger.get(path, headers={"Accept": "text/html"}).text

    detail = re.findall("<p>(.*?)</p>", page[page.index("<h1>") :])[0]
    assert detail.endswith((" POST.", " or .."))


@pytest.mark.parametrize("act", ["cancel", "pause", "resume", "extend", "delete"])
def test_what_cannot_be_done_with_a_task_is_a_problem(services: Services, act: str) -> None:
    problem_of(post(services, f"/tasks/nobody/{act}", SCRIPTS, count="5"), 404)
    answer = post(services, f"/tasks/nobody/{act}", PEOPLE, count="5")

    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize("count", ["", "x", "3"])
def test_an_extension_to_no_larger_total_is_refused(services: Services, count: str) -> None:
    task_id = services.start(3)

    problem = problem_of(post(services, f"/tasks/{task_id}/extend", SCRIPTS, count=count))

    assert problem["detail"].startswith("count is ")


@pytest.mark.parametrize(("count", "behind"), [(20, "16, 18"), (1022, "16, 18 and 1,002 more")])
def test_the_first_gaps_are_named_and_the_rest_counted(
    services: Services, real_store: Store, count: int, behind: str
) -> None:
    task_id = services.start(count)
    reporting.report(real_store, task_id, range(1, 20, 2))

    page = services.trigger.get(f"/tasks/{task_id}").text

    named = re.search(r'<p class="ranges">(.*)</p>', page)
    assert named
    assert re.sub("<.*?>", "", named[1]).endswith(behind)


def test_an_outage_tells_people_and_scripts_alike_when_to_try_again() -> None:
    services = Services(Store.at("redis://127.0.0.1:1"))

    page, problem = (post(services, "/start", accept, count="3") for accept in (PEOPLE, SCRIPTS))

    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert page.headers["Retry-After"] == problem.headers["Retry-After"] == "1"
    assert "Service Unavailable" in page.text


def test_the_page_of_no_task_is_not_found_for_people(services: Services) -> None:
    answer = services.trigger.get("/tasks/nobody", headers=PEOPLE)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "No task nobody is known" in answer.text


def test_a_stream_of_no_view_is_not_found(services: Services) -> None:
    assert "nobody" in problem_of(services.trigger.get("/events/nobody"), 404)["detail"]


def test_the_pages_run_and_style_nothing_inline(services: Services) -> None:
    task_id = services.start(3)

    for path in ("/", "/distinct", f"/tasks/{task_id}", "/tasks/nobody", "/sign-in"):
        page = services.trigger.get(path, headers=PEOPLE).text
        assert not re.search(r"<[^>]+\s(style|on\w+)\s*=", page), path
        assert not re.search(r"<style|<script(?![^>]+src=)", page), path


@pytest.mark.parametrize(
    ("asked", "to"),
    [
        ("/tasks/a?failures=3", "/tasks/a?failures=3"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\tx", "/"),
        ("", "/"),
    ],
)
def test_the_sign_in_leads_on_only_within_this_service(asked: str, to: str) -> None:
    assert own_path(asked) == to


def test_shares_and_moments_are_written_for_people() -> None:
    assert [percent(one) for one in (0, 0.0001, 0.5, 0.9999, 1)] == ["0 %", "1 %", "50 %", "99 %", "100 %"]
    assert moment("2026-11-05T03:04:05.678Z") == "2026-11-05 03:04:05 UTC"


@pytest.mark.parametrize("path", ["/nowhere", "/tasks/a/b/c", "/events/nowhere"])
def test_a_wrong_address_is_a_page_for_a_browser(services: Services, path: str) -> None:
    page = services.trigger.get(path, headers=PEOPLE)

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert '<a href="/docs/">' in page.text
    problem_of(services.trigger.get(path, headers=SCRIPTS), 404)
    problem_of(services.trigger.get(path), 404)


def test_a_wrong_method_keeps_its_headers_on_a_page(services: Services) -> None:
    page = services.trigger.get("/start", headers=PEOPLE)

    assert (page.status_code, page.mimetype) == (405, "text/html")
    assert page.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/distinct", "/workers", "/sign-in"])
def test_every_page_links_to_the_api_reference(services: Services, path: str) -> None:
    assert '<a href="/docs/">' in services.trigger.get(path, headers=PEOPLE).text
    assert services.trigger.get("/docs/", follow_redirects=True).status_code == 200


def failing_task(services: Services) -> str:
    task_id = services.start(9)
    for step, error in enumerate(["disk 1 is full", "no <such> file", "disk 2 is full"]):
        services.done.post(f"/tasks/{task_id}/failures", json={"step": step, "error": error})
    return task_id


def test_the_page_groups_failures_by_error_and_retries_one(services: Services, real_store: Store) -> None:
    task_id = failing_task(services)
    page = services.trigger.get(f"/tasks/{task_id}").text

    (group, _) = re.findall(r'name="group" value="([0-9a-f]{8})"', page)
    answer = post(services, f"/tasks/{task_id}/retry", PEOPLE, group=group)

    assert "disk &lt;n&gt; is full" in page
    assert "Retry these 2" in page
    assert "Retry this step" in page
    assert answer.headers["Location"] == f"/tasks/{task_id}"
    assert lifecycle.get_task(real_store, task_id).task.failed_steps == 1


def test_the_page_of_a_group_lists_and_marks_its_steps_alone(services: Services) -> None:
    task_id = failing_task(services)
    page = services.trigger.get(f"/tasks/{task_id}").text
    (group, _) = re.findall(r'name="group" value="([0-9a-f]{8})"', page)

    of_group = services.trigger.get(f"/tasks/{task_id}?group={group}").text
    of_none = services.trigger.get(f"/tasks/{task_id}?group=nosuch").text

    assert 'data-marked="[[0, 1], [2, 3]]"' in of_group
    assert re.findall(r'<th scope="row"><a [^>]*>(\d)', of_group) == ["0", "2"]
    assert "data-marked" not in of_none
    assert re.findall(r'<th scope="row"><a [^>]*>(\d)', of_none) == ["0", "1", "2"]


def test_steps_listed_by_hand_are_retried(services: Services, real_store: Store) -> None:
    task_id = failing_task(services)

    refused = post(services, f"/tasks/{task_id}/retry", PEOPLE, steps="1-")
    answer = post(services, f"/tasks/{task_id}/retry", PEOPLE, steps="0, 2-7")

    assert refused.status_code == 422
    assert "3, 7-9" in refused.text
    assert answer.status_code == 303
    assert lifecycle.get_task(real_store, task_id).task.failed_steps == 1


def test_a_list_of_steps_that_is_too_long_is_refused_not_cut(services: Services, real_store: Store) -> None:
    task_id = failing_task(services)

    refused = post(services, f"/tasks/{task_id}/retry", PEOPLE, steps="0," + " " * 9_997 + "1-5")

    assert refused.status_code == 422
    assert "Steps has 10002 characters; at most 10000." in refused.text
    assert lifecycle.get_task(real_store, task_id).task.failed_steps == 3


def test_a_traceback_and_the_last_warnings_are_on_the_page(services: Services, real_store: Store) -> None:
    task_id = failing_task(services)
    attempt = FailedAttempt(traceback="Traceback <of> step 5")
    failing.fail(real_store, task_id, 5, "ValueError: bad", attempt=attempt)
    say(real_store, "step 5 failed for good", task_id=task_id, level=logging.ERROR)
    say(real_store, "another task's", task_id="other", level=logging.ERROR)

    page = services.trigger.get(f"/tasks/{task_id}").text

    assert "Traceback &lt;of&gt; step 5" in page
    assert "step 5 failed for good" in page
    assert "another task" not in page
    assert "Warnings and errors" not in services.trigger.get(f"/tasks/{services.start(1)}").text
