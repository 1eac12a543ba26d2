"""What each role may do, route by route: a route without a declared need is nobody's, and fails here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from donebit.access import tokens
from donebit.access.roles import Open, Role
from donebit.errors import Conflict, Forbidden, InvalidInput, NotFound
from donebit.store import Store
from donebit.web.access import access_of
from donebit.web.operations import CONVERTER
from tests.web.roles import Route, described, need_of, role_of, routes_of, table
from tests.web.services import NAMES, Services, body_of, problem_of

ADMIN = "an-admin-token-of-the-tests"
SECURITY = Path(__file__).parents[2] / "docs" / "security.md"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(real_store: Store) -> Services:
    # Applications of their own: wrong sign-ins, of which each role has one, hold up those of other tests.
    return Services(real_store, api_token=ADMIN, session_idle=timedelta(hours=1))


def app_of(services: Services, service: str) -> Flask:
    app: Flask = services.of(service).application
    return app


def status_of(services: Services, route: Route, headers: dict[str, str]) -> int:
    with services.of(route.service).open(route.address, method=route.method, headers=headers) as answer:
        return int(answer.status_code)


@pytest.mark.parametrize("service", NAMES)
def test_every_route_declares_what_it_asks_of_a_caller(guarded: Services, service: str) -> None:
    app = app_of(guarded, service)
    known = {route.name for route in routes_of(app)}

    assert [route.name for route in routes_of(app) if need_of(app, route) is None] == []
    static = "GET /static/<path:filename>"
    assert set(access_of(app).needs) - known <= {static}, "these are declared, and there are no such routes"


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_it_may_and_nothing_else(
    guarded: Services, real_store: Store, service: str, role: Role
) -> None:
    app, headers = app_of(guarded, service), bearer(tokens.create(real_store, "mine", role)[1])

    for route in routes_of(app):
        need = need_of(app, route)
        status = status_of(guarded, route, headers)
        if need is Open.ANYONE:
            assert status in (200, 401, 404), f"{route.name}: {status}"  # 401: a sign-in without a token
        elif need is Open.PAGE or ((needed := role_of(need)) and role.covers(needed)):
            assert status not in (302, 401, 403), f"{route.name}: {status}"
        else:
            assert status == 403, f"{route.name}: {status}"


@pytest.mark.parametrize("service", NAMES)
def test_without_a_token_only_what_is_open_is_answered(guarded: Services, service: str) -> None:
    app = app_of(guarded, service)

    for route in routes_of(app):
        need = need_of(app, route)
        expected = {302} if need is Open.PAGE else {200, 401, 404} if need is Open.ANYONE else {401}
        assert status_of(guarded, route, {}) in expected, route.name


@pytest.mark.parametrize("service", NAMES)
def test_the_document_says_what_each_operation_needs(guarded: Services, service: str) -> None:
    app = app_of(guarded, service)
    paths = body_of(guarded.of(service).get("/openapi.json", headers=bearer(ADMIN)))["paths"]
    declared = {CONVERTER.sub(r"{\1}", name): need for name, need in access_of(app).needs.items()}

    for path, methods in paths.items():
        for method, operation in methods.items():
            need = declared[f"{method.upper()} {path}"]
            assert operation["security"] == ([] if need is Open.ANYONE else [{"token": []}])
            assert operation["x-role"] == (role_of(need) or need)


def test_the_refusal_names_the_role_that_is_needed(guarded: Services, real_store: Store) -> None:
    _, token = tokens.create(real_store, "dashboard", Role.READ)

    problem = problem_of(guarded.trigger.post("/tasks", json={"count": 1}, headers=bearer(token)), 403)

    assert problem["detail"] == "POST /tasks needs a token of the role `trigger`; dashboard has `read`"


def test_who_may_cancel_many_tasks_may_not_delete_them(guarded: Services, real_store: Store) -> None:
    _, token = tokens.create(real_store, "starter", Role.TRIGGER)

    def act(action: str) -> TestResponse:
        body = {"action": action, "ids": ["a"]}
        return guarded.done.post("/tasks/actions", json=body, headers=bearer(token))

    assert body_of(act("cancel"))["changed"] == 0
    assert problem_of(act("delete"), 403)["detail"] == (
        "deleting tasks needs a token of the role `admin`; starter has `trigger`"
    )


def test_a_route_that_declares_nothing_is_for_nobody(guarded: Services) -> None:
    access = access_of(app_of(guarded, "done"))

    with pytest.raises(Forbidden, match="declares no role"):
        access.authorize("GET /forgotten", "", f"Bearer {ADMIN}", "")


@pytest.mark.parametrize(
    ("method", "path", "query", "role"),
    [
        ("GET", "/tasks/a", "", Role.READ),
        ("HEAD", "/tasks/a/", "", Role.READ),
        ("PUT", "/tasks/a/steps/0", "", Role.REPORT),
        ("GET", "/distinct", "", Role.READ),
        ("GET", "/distinct", "userId=7", Role.REPORT),
        ("GET", "/distinct", "a=1&%75serId", Role.REPORT),
        ("DELETE", "/users/7", "", Role.ADMIN),
        ("PATCH", "/users/7", "", Role.READ),
        ("GET", "/nothing", "", Role.READ),
    ],
)
def test_each_address_asks_for_the_role_of_its_route(
    guarded: Services, real_store: Store, method: str, path: str, query: str, role: Role
) -> None:
    client = guarded.done if path.startswith("/tasks") else guarded.distinct
    issued = {one: tokens.create(real_store, f"of-{one}", one)[1] for one in Role}

    def status(token: str) -> int:
        headers = {"Authorization": f"bearer {token}"} if token else {}
        return int(client.open(path, method=method, query_string=query, headers=headers).status_code)

    assert status("") == 401
    for one, token in issued.items():
        given = status(token)
        assert (given == 403) is not one.covers(role)
        assert given != 401


@pytest.mark.parametrize("path", ["/donebit/tasks/a", "/tasks/a", "/donebit/tasks/a/"])
def test_roles_are_asked_for_below_the_prefix_of_a_proxy_too(real_store: Store, path: str) -> None:
    done = Services(real_store, api_token=ADMIN, done_prefix="/donebit").done
    reader = bearer(tokens.create(real_store, "reader", Role.READ)[1])

    problem_of(done.delete(path), 401)
    problem_of(done.delete(path, headers=reader), 403)
    problem_of(done.delete(path, headers=bearer(ADMIN)), 404)
    problem_of(done.get("/donebitter/health"), 401)
    body_of(done.get("/donebit/health"))


def test_nothing_in_redis_opens_anything(guarded: Services, real_store: Store) -> None:
    made = body_of(
        guarded.trigger.post("/tokens", json={"name": "a", "role": "admin"}, headers=bearer(ADMIN)), 201
    )

    (kept,) = real_store.access.tokens().values()
    assert made["token"] not in kept
    (listed,) = tokens.list_tokens(real_store)
    problem_of(guarded.trigger.get("/tokens", headers=bearer(listed.digest)), 401)
    assert body_of(guarded.trigger.get("/tokens", headers=bearer(made["token"])))["tokens"][0]["name"] == "a"


def test_names_are_checked_and_taken_once(real_store: Store) -> None:
    tokens.create(real_store, "a", Role.READ)

    with pytest.raises(Conflict, match="a token named a"):
        tokens.create(real_store, "a", Role.ADMIN)
    for name in ("", "a b", "API_TOKEN", ".."):
        with pytest.raises(InvalidInput):
            tokens.create(real_store, name, Role.READ)
    with pytest.raises(NotFound):
        tokens.revoke(real_store, "b")


def test_only_so_many_tokens_are_kept(real_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    for name in ("a", "b"):
        tokens.create(real_store, name, Role.READ)

    with pytest.raises(Conflict, match="2 tokens"):
        tokens.create(real_store, "c", Role.READ)


def test_while_redis_is_away_only_api_token_is_known(real_store: Store) -> None:
    _, token = tokens.create(real_store, "a", Role.READ)
    away = Services(Store.at("redis://127.0.0.1:1/0"), api_token=ADMIN)

    assert away.done.get("/openapi.json", headers=bearer(ADMIN)).status_code == 200
    problem_of(away.done.get("/openapi.json", headers=bearer(token)), 503)
    problem_of(away.done.get("/openapi.json", headers=bearer("guessed")), 401)


def test_the_page_lists_every_route_with_what_it_needs(guarded: Services) -> None:
    page = SECURITY.read_text()

    for service in NAMES:
        assert table(app_of(guarded, service)) in page, f"update the table of {service}_app"
    assert described(Open.PAGE) in page
