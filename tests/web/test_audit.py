"""The audit: what is listed and what only counted, and that nothing is listed that was not done."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from donebit.access import tokens
from donebit.access.audit import Deed, keep, list_entries
from donebit.access.roles import Open, Role
from donebit.store import Store
from donebit.web.audit import ANYONE, EXTENSION, OF_TASKS, Audit
from tests.activity.arranged import DAY_AFTER, PAST_DAY
from tests.web.roles import need_of, routes_of
from tests.web.services import NAMES, Services, body_of, problem_of
from tests.web.test_guard import form_token
from tests.web.test_roles import ADMIN, app_of, bearer

HEADERS = bearer(ADMIN)
# They need a body, or what only an admin may see, and change nothing.
QUESTIONS = {
    "POST /query",
    "POST /query/members",
    "POST /funnel",
    "POST /events/<event>/estimate",
    "GET /tokens",
    "GET /audit",
}


@pytest.fixture
def guarded(real_store: Store) -> Services:
    return Services(real_store, api_token=ADMIN)


def audit_of(services: Services, service: str) -> Audit:
    audit: Audit = app_of(services, service).extensions[EXTENSION]
    return audit


def entries(services: Services, **query: Any) -> list[tuple[str, str, str, str]]:
    """What is listed, the oldest first: who, action, subject and detail of each."""
    found = body_of(services.trigger.get("/audit", query_string=query, headers=HEADERS))["entries"]
    return [(one["who"], one["action"], one["subject"], one["detail"]) for one in reversed(found)]


def changes(services: Services, service: str) -> dict[tuple[str, str], float]:
    text = services.of(service).get("/metrics", headers=HEADERS).text
    return {
        (sample.labels["token"], sample.labels["route"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "donebit_changes_total"
    }


@pytest.mark.parametrize("service", NAMES)
def test_each_route_that_changes_something_is_audited_or_counted(guarded: Services, service: str) -> None:
    app, audits = app_of(guarded, service), audit_of(guarded, service).audits
    routes = {route.name: need_of(app, route) for route in routes_of(app)}
    harmless = (Role.READ, Open.ANYONE, Open.PAGE)
    changing = {name for name, need in routes.items() if need not in harmless or not name.startswith("GET ")}

    assert changing - QUESTIONS == set(audits)


def start(services: Services, task_id: str, status: int = 202) -> dict[str, Any]:
    order = {"count": 3, "task_id": task_id}
    return body_of(services.trigger.post("/tasks", json=order, headers=HEADERS), status)


def test_what_happens_to_a_task_is_listed_with_who_did_it(guarded: Services, real_store: Store) -> None:
    nightly = bearer(tokens.create(real_store, "nightly", Role.TRIGGER)[1])
    start(guarded, "mine")
    start(guarded, "mine", 200)  # the same again starts nothing
    for action in ("pause", "resume", "cancel"):
        body_of(guarded.done.post(f"/tasks/mine/{action}", headers=nightly))
    again = body_of(guarded.done.post("/tasks/mine/rerun", headers=nightly), 202)["task_id"]
    assert guarded.done.delete("/tasks/mine", headers=HEADERS).status_code == 204

    assert entries(guarded) == [
        ("API_TOKEN", "start", "task mine", "3 steps of its caller"),
        ("nightly", "pause", "task mine", ""),
        ("nightly", "resume", "task mine", ""),
        ("nightly", "cancel", "task mine", ""),
        ("nightly", "rerun", "task mine", f"as task {again}"),
        ("API_TOKEN", "delete", "task mine", ""),
    ]


def test_what_is_refused_or_fails_is_not_listed_as_done(guarded: Services, real_store: Store) -> None:
    reader = bearer(tokens.create(real_store, "reader", Role.READ)[1])
    start(guarded, "mine")
    guarded.done.post("/tasks/mine/cancel", headers=HEADERS)
    before = entries(guarded)

    problem_of(guarded.done.post("/tasks/mine/cancel", headers=HEADERS), 409)
    problem_of(guarded.done.delete("/tasks/another", headers=HEADERS), 404)
    problem_of(guarded.done.delete("/tasks/mine", headers=reader), 403)
    problem_of(guarded.distinct.delete("/events/e/visits?from=x&to=y", headers=HEADERS))
    form = {"Donebit-Form": "1", **HEADERS}
    assert (
        guarded.trigger.post("/tasks/mine/cancel", headers=form).status_code == 200
    )  # a problem, to a script

    assert entries(guarded) == before


def test_of_activity_bulk_changes_are_listed_without_a_user(guarded: Services) -> None:
    ask = guarded.distinct.open
    body_of(ask("/events/e", method="POST", json={"users": [424242]}, headers=HEADERS))
    body_of(ask("/flags/f/users", method="PUT", json={"users": [424242]}, headers=HEADERS))
    body_of(ask("/events/e/expiry", method="PUT", json={"hour": 3}, headers=HEADERS))
    body_of(ask(f"/events/e/visits?from={PAST_DAY}&to={DAY_AFTER}", method="DELETE", headers=HEADERS))
    body_of(ask("/users/424242", method="DELETE", headers=HEADERS))
    body_of(ask("/users?user=424242", method="DELETE", headers=HEADERS))
    body_of(ask("/distinct/reset", method="GET", headers=HEADERS))

    listed = entries(guarded)
    assert [one[1:] for one in listed] == [
        ("set for many", "flag f", ""),
        ("set expiry", "event e", "hour 3 days"),
        ("take back", "event e", f"from={PAST_DAY}, to={DAY_AFTER}"),
        ("erase", "a user", ""),
        ("erase", "a user", ""),
        ("delete", "event distinct", ""),
    ]
    assert "424242" not in str(listed)


def test_what_head_changes_is_recorded_as_what_get_changes(guarded: Services) -> None:
    visits = ("API_TOKEN", "GET /distinct")
    before = changes(guarded, "distinct").get(visits, 0)
    for service, path in (
        ("trigger", "/trigger/done?count=1"),
        ("distinct", "/distinct?userId=7"),
        ("distinct", "/distinct/reset"),
    ):
        assert guarded.of(service).head(path, headers=HEADERS).status_code in (200, 202)

    assert [one[1] for one in entries(guarded)] == ["start", "delete"]
    assert changes(guarded, "distinct")[visits] == before + 1


def test_a_list_of_tasks_too_long_for_an_entry_ends_after_a_whole_id(guarded: Services) -> None:
    ids = [f"task-{number:03}-of-many" for number in range(40)]
    for task_id in ids:
        start(guarded, task_id)
    body_of(guarded.done.post("/tasks/actions", json={"action": "delete", "ids": ids}, headers=HEADERS))

    (*_, (_, _, subject, detail)) = entries(guarded)
    action, *named, more = detail.split()
    assert (subject, action, more) == ("40 tasks", "delete:", "...")
    assert named == ids[: len(named)]
    assert 20 < len(named) < 40


def test_tokens_and_sessions_are_listed(guarded: Services) -> None:
    made = guarded.trigger.post("/tokens", json={"name": "late", "role": "read"}, headers=HEADERS)
    token = body_of(made, 201)["token"]
    browser = guarded.trigger.application.test_client()
    browser.post("/sign-in", data={"token": "wrong"})
    browser.post("/sign-in", data={"token": token})
    browser.post("/sign-out", data={"form_token": form_token(browser.get("/").text), "everywhere": "1"})
    guarded.trigger.delete("/tokens/late", headers=HEADERS)

    listed = entries(guarded)
    assert listed == [
        ("API_TOKEN", "make token", "token late", "role read"),
        ("late", "sign in", "the dashboard", ""),
        ("late", "sign out", "the dashboard", "everywhere"),
        ("API_TOKEN", "revoke token", "token late", ""),
    ]
    assert token not in str(listed)


def test_single_marks_and_visits_are_counted_by_token(guarded: Services, real_store: Store) -> None:
    sent = bearer(tokens.create(real_store, "reporter", Role.REPORT)[1])
    own = bearer(start(guarded, "mine")["report_token"])
    steps, visits = "PUT /tasks/<task_id>/steps/<n>", "GET /distinct?userId"
    done, distinct = changes(guarded, "done"), changes(guarded, "distinct")
    for step, headers in ((0, sent), (1, sent), (2, own)):
        body_of(guarded.done.put(f"/tasks/mine/steps/{step}", headers=headers))
    problem_of(guarded.done.put("/tasks/mine/steps/3", headers=sent))
    body_of(guarded.distinct.get("/distinct?userId=7", headers=sent))
    body_of(guarded.distinct.get("/distinct", headers=sent))

    def more(before: dict[tuple[str, str], float], service: str, who: str, route: str) -> float:
        return changes(guarded, service)[who, route] - before.get((who, route), 0)

    assert more(done, "done", "reporter", steps) == 2
    assert more(done, "done", OF_TASKS, steps) == 1
    assert more(distinct, "distinct", "reporter", visits.partition("?")[0]) == 1
    assert [one[1] for one in entries(guarded)] == ["start"]


def test_without_tokens_it_says_that_anybody_did_it(real_services: Services) -> None:
    real_services.start(1, task_id="mine")

    listed = body_of(real_services.trigger.get("/audit"))["entries"]

    assert [(one["who"], one["action"]) for one in listed] == [(ANYONE, "start")]


def test_a_mark_writes_nothing_into_the_audit(guarded: Services, real_client: Redis) -> None:
    start(guarded, "mine")
    real_client.config_resetstat()

    body_of(guarded.done.put("/tasks/mine/steps/0", headers=HEADERS))
    body_of(guarded.distinct.post("/distinct?userId=7", headers=HEADERS))

    assert "cmdstat_xadd" not in real_client.info("commandstats")


def test_about_so_many_entries_are_kept(real_store: Store) -> None:
    for number in range(250):
        keep(real_store, Deed("a", str(number), ""), most=100)

    kept = list_entries(real_store, 1000).entries
    assert 100 <= len(kept) <= 200
    assert kept[0].deed.action == "249"


def test_the_list_is_paged_from_the_newest(guarded: Services) -> None:
    for task_id in ("a", "b", "c"):
        start(guarded, task_id)

    first = body_of(guarded.trigger.get("/audit?limit=2", headers=HEADERS))
    second = body_of(guarded.trigger.get(f"/audit?limit=2&before={first['next']}", headers=HEADERS))

    assert [one["subject"] for one in first["entries"]] == ["task c", "task b"]
    assert [one["subject"] for one in second["entries"]] == ["task a"]
    assert second["next"] is None
    problem_of(guarded.trigger.get("/audit?before=x", headers=HEADERS))


def test_a_browser_gets_a_page_that_only_an_admin_is_led_to(guarded: Services, real_store: Store) -> None:
    start(guarded, "mine")
    reader = bearer(tokens.create(real_store, "reader", Role.READ)[1])
    page = {"Accept": "text/html"}

    shown = guarded.trigger.get("/audit", headers=HEADERS | page)

    assert shown.content_type.startswith("text/html")
    assert "<td>task mine</td>" in shown.text
    assert 'href="/audit"' in guarded.trigger.get("/", headers=HEADERS).text
    assert 'href="/audit"' not in guarded.trigger.get("/", headers=reader).text
    assert guarded.trigger.get("/audit", headers=reader | page).status_code == 403


def test_what_is_done_is_answered_though_the_audit_cannot_be_kept(
    guarded: Services, real_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    real_client.set("donebit:access:audit", "no stream")
    try:
        start(guarded, "mine")
    finally:
        real_client.delete("donebit:access:audit")

    assert "the audit lacks" in caplog.text
    assert "task mine" in caplog.text
