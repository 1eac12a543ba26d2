"""A task's own token: it reports that task's steps and failures, and opens nothing else."""

from __future__ import annotations

import pytest

from donebit import Donebit
from donebit.access.report_tokens import PREFIX, ReportTokens
from donebit.store import Store
from donebit.transport import ServiceRequest
from tests.servers import RunningServer
from tests.web.real import running_services
from tests.web.roles import routes_of
from tests.web.services import NAMES, Services, body_of, problem_of
from tests.web.test_roles import ADMIN, app_of, bearer, status_of

NONCE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def guarded(real_store: Store) -> Services:
    return Services(real_store, api_token=ADMIN)


def start(services: Services, task_id: str, status: int = 202) -> str:
    """Start a task of three steps, and return its report token."""
    asked = services.trigger.post("/tasks", json={"count": 3, "task_id": task_id}, headers=bearer(ADMIN))
    token: str = body_of(asked, status)["report_token"]
    return token


def test_it_reports_steps_and_failures_of_its_task(guarded: Services) -> None:
    mine = bearer(start(guarded, "mine"))

    body_of(guarded.done.put("/tasks/mine/steps/0", headers=mine))
    body_of(guarded.done.post("/tasks/mine/steps", json={"steps": [1]}, headers=mine))
    ended = body_of(guarded.done.post("/tasks/mine/failures", json={"step": 2}, headers=mine))

    assert (ended["state"], ended["completed_task"]) == ("failed", True)


@pytest.mark.parametrize("service", NAMES)
def test_it_opens_no_other_route(guarded: Services, service: str) -> None:
    mine = bearer(start(guarded, "some"))
    reports = {
        "PUT /tasks/<task_id>/steps/<n>",
        "POST /tasks/<task_id>/steps",
        "POST /tasks/<task_id>/failures",
    }
    routes = [route for route in routes_of(app_of(guarded, service)) if route.name not in reports]

    opened = [
        route.name
        for route in routes
        if not route.rule.startswith(("/health", "/static", "/sign-in"))
        and status_of(guarded, route, mine) != 403
    ]

    assert routes
    assert opened == []


def test_it_reports_to_no_other_task(guarded: Services) -> None:
    mine = bearer(start(guarded, "mine"))
    start(guarded, "another")

    problem = problem_of(guarded.done.put("/tasks/another/steps/0", headers=mine), 403)

    assert "the report token of task mine" in problem["detail"]


def test_the_same_start_gets_the_same_token(guarded: Services) -> None:
    assert start(guarded, "mine") == start(guarded, "mine", 200)


def test_a_task_that_is_made_again_under_its_id_has_another(guarded: Services) -> None:
    old = start(guarded, "mine")
    body_of(guarded.done.put("/tasks/mine/steps/0", headers=bearer(old)))
    guarded.done.delete("/tasks/mine", headers=bearer(ADMIN))
    problem_of(guarded.done.put("/tasks/mine/steps/0", headers=bearer(old)), 404)

    new = start(guarded, "mine")

    assert new != old
    body_of(guarded.done.put("/tasks/mine/steps/0", headers=bearer(new)))
    problem_of(guarded.done.put("/tasks/mine/steps/0", headers=bearer(old)), 401)


REPORTS: list[tuple[str, str, object]] = [
    ("PUT", "/tasks/mine/steps/0", None),
    ("PUT", "/tasks/mine/steps/0", {"result": 7}),
    ("POST", "/tasks/mine/steps", {"ranges": [[0, 2]]}),
    ("POST", "/tasks/mine/steps", {"results": [{"step": 0, "result": 7}]}),
    ("POST", "/tasks/mine/failures", {"step": 1, "error": "late"}),
]


@pytest.mark.parametrize(("method", "path", "body"), REPORTS)
def test_a_late_report_does_not_reach_the_task_made_again(
    guarded: Services, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object
) -> None:
    # A service remembers for a while whose token it is: for as long as this test takes on any machine.
    monkeypatch.setattr("donebit.access.report_tokens.KNOWN_SECONDS", 3600.0)
    old = bearer(start(guarded, "mine"))
    body_of(guarded.done.put("/tasks/mine/steps/2", headers=old))
    guarded.done.delete("/tasks/mine", headers=bearer(ADMIN))
    start(guarded, "mine")

    problem_of(guarded.done.open(path, method=method, json=body, headers=old), 404)

    task = body_of(guarded.done.get("/tasks/mine", headers=bearer(ADMIN)))
    assert (task["done_steps"], task["failed_steps"]) == (0, 0)


def test_it_is_bound_to_the_secret(guarded: Services, real_store: Store) -> None:
    token = start(guarded, "mine")
    other = Services(real_store, api_token="another-admin-token-of-the-tests")
    same = [
        Services(real_store, api_token=one, secret_key="the-same-key-of-all-of-them")
        for one in (ADMIN, "replaced-token-of-the-tests")
    ]

    problem_of(other.done.put("/tasks/mine/steps/0", headers=bearer(token)), 401)
    stays = start(same[0], "mine", 200)
    body_of(same[1].done.put("/tasks/mine/steps/0", headers=bearer(stays)))


@pytest.mark.parametrize(
    "forged",
    [
        f"{PREFIX}mine.{NONCE}.{'0' * 64}",
        f"{PREFIX}mine.{NONCE}.",
        PREFIX,
        ReportTokens("guessed").make("mine", NONCE),
        ReportTokens("guessed").make("mine.x", NONCE),
    ],
)
def test_what_is_made_without_the_secret_is_401(guarded: Services, forged: str) -> None:
    start(guarded, "mine")

    problem_of(guarded.done.put("/tasks/mine/steps/0", headers=bearer(forged)), 401)


def test_where_no_token_is_asked_for_there_is_none(real_services: Services) -> None:
    assert "report_token" not in body_of(real_services.trigger.post("/tasks", json={"count": 1}), 202)


def test_the_client_reports_with_it(tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer) -> None:
    folder = tmp_path_factory.mktemp("report_tokens")
    with running_services(folder, valkey.url, API_TOKEN=ADMIN) as services:
        refused = services.ask("trigger", "POST", "/tasks", {"count": 2}).status
        with Donebit(services.url("trigger"), services.url("done"), ADMIN) as starter:
            answer = starter._transport.request(ServiceRequest("trigger_app", "POST", "/tasks", {"count": 2}))
        with Donebit(services.url("trigger"), services.url("done"), answer["report_token"]) as reporter:
            report = reporter.report(answer["task_id"], [0, 1])

    assert refused == 401
    assert report["completed_task"] is True
