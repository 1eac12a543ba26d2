"""Who may ask: the Host that is meant, no other site's page, and the token where one is set."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from donebit.store import Store
from tests.started import Started
from tests.web.services import NAMES, Services, body_of, problem_of

TOKEN = "sesame"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CHANGING = [
    ("trigger", "GET", "/trigger/done?count=3"),
    ("trigger", "POST", "/trigger/done?count=3"),
    ("trigger", "GET", "/trigger/distinct/?count=3"),
    ("trigger", "POST", "/tasks"),
    ("trigger", "POST", "/start"),
    ("trigger", "POST", "/tasks/a/cancel"),
    ("trigger", "POST", "/tasks/a/delete"),
    ("done", "GET", "/done?taskId=a&stepNumber=0"),
    ("done", "PUT", "/tasks/a/steps/0"),
    ("done", "DELETE", "/tasks/a"),
    ("distinct", "GET", "/distinct?userId=7"),
    ("distinct", "POST", "/distinct?userId=7"),
    ("distinct", "DELETE", "/distinct"),
    ("distinct", "GET", "/distinct/reset"),
    ("distinct", "POST", "/events/e"),
]
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://localhost:8000"},
    {"Referer": "http://localhost:8000/page"},
    {"Referer": "http://["},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]


@pytest.fixture
def guarded(real_store: Store) -> Services:
    return Services(real_store, api_token=TOKEN)


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8098", "127.0.0.1.evil.example", "[", "", "a b"]
)
def test_a_host_that_is_not_known_is_403(real_services: Services, service: str, host: str) -> None:
    problem = problem_of(real_services.of(service).get("/health", headers={"Host": host}), 403)

    assert f"unknown Host {host!r}: add it to ALLOWED_HOSTS" in problem["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8097", "127.0.0.1:8097", "[::1]:8097"])
def test_loopback_is_known_under_all_its_names(real_services: Services, host: str) -> None:
    assert real_services.done.get("/health", headers={"Host": host}).status_code == 200


def test_a_name_that_is_allowed_is_known(real_store: Store) -> None:
    services = Services(real_store, allowed_hosts="bits.example")

    assert services.done.get("/health", headers={"Host": "Bits.example"}).status_code == 200


def test_a_service_on_any_address_knows_addresses_but_no_names(real_store: Store) -> None:
    services = Services(real_store, host="0.0.0.0", api_token=TOKEN)

    assert services.done.get("/health", headers={"Host": "192.0.2.7:8097"}).status_code == 200
    problem_of(services.done.get("/health", headers={"Host": "rebound.example"}), 403)


@pytest.mark.parametrize(("service", "method", "url"), CHANGING)
@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_a_page_of_another_site_changes_nothing(
    real_services: Services, service: str, method: str, url: str, headers: dict[str, str]
) -> None:
    problem = problem_of(real_services.of(service).open(url, method=method, headers=headers), 403)

    assert "cross-site requests may not change anything" in problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Referer": "http://localhost/"},
        {},
    ],
)
def test_the_own_page_and_a_script_may(real_services: Services, headers: dict[str, str]) -> None:
    assert real_services.distinct.post("/distinct?userId=7", headers=headers).status_code == 200


def test_another_sites_page_may_link_here(real_services: Services) -> None:
    answer = real_services.trigger.get("/", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize(
    "given", ["", "Bearer wrong", "Bearer", "Basic sesame", "Bearer s\xe9same", "sesame"]
)
def test_without_the_token_it_is_401(guarded: Services, service: str, given: str) -> None:
    headers = {"Authorization": given} if given else {}

    for url in ("/metrics", "/openapi.json", "/nothing-here"):
        answer = guarded.of(service).get(url, headers=headers)
        problem_of(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("service", NAMES)
def test_the_token_opens_and_health_is_free(guarded: Services, service: str) -> None:
    assert guarded.of(service).get("/metrics", headers=BEARER).status_code == 200
    assert guarded.of(service).get("/health").status_code == 200
    assert guarded.of(service).get("/health/live").status_code == 200


def test_event_streams_are_opened_by_the_token_alone(guarded: Services) -> None:
    body = body_of(guarded.trigger.post("/tasks", json={"count": 1}, headers=BEARER), 202)
    streams = [(guarded.trigger, "/events/done"), (guarded.done, f"/tasks/{body['task_id']}/events")]

    for client, url in streams:
        problem_of(client.get(url), 401)
        with client.get(url, headers=BEARER) as opened:
            assert (opened.status_code, opened.mimetype) == (200, "text/event-stream")
            assert next(opened.iter_encoded()) == b"retry: 1000\n\n"


def test_signing_in_opens_the_page_and_its_requests(guarded: Services) -> None:
    page = guarded.trigger

    assert page.get("/").headers["Location"] == "/sign-in"
    refused = page.post("/sign-in", data={"token": "wrong"})
    assert (refused.status_code, "Set-Cookie" in refused.headers) == (401, False)
    cookie = page.post("/sign-in", data={"token": TOKEN}).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    shown = page.get("/")
    assert shown.status_code == 200
    body_of(page.post("/trigger/done?count=3", headers={"Donebit-Form-Token": form_token(shown.text)}), 202)


def form_token(page: str) -> str:
    """The token that the forms of a page carry."""
    (token,) = set(re.findall(r'name="form_token" value="([0-9a-f]+)"', page))
    assert f'<meta name="form-token" content="{token}">' in page
    return str(token)


@pytest.fixture
def signed_in(guarded: Services) -> Services:
    assert guarded.trigger.post("/sign-in", data={"token": TOKEN}).status_code == 302
    return guarded


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/start", {}),
        ("/start", {"form_token": ""}),
        ("/start", {"form_token": "0" * 64}),
        ("/simulate", {}),
        ("/tasks/a/cancel", {}),
        ("/tasks/a/delete", {}),
    ],
)
def test_a_session_changes_nothing_without_the_form_token(
    signed_in: Services, path: str, given: dict[str, str]
) -> None:
    problem = problem_of(signed_in.trigger.post(path, data={"count": "1", **given}), 403)

    assert "the form is not of this session" in problem["detail"]
    problem_of(signed_in.trigger.post("/trigger/done?count=1"), 403)


def test_a_form_of_the_page_works_and_is_of_one_session(signed_in: Services, real_store: Store) -> None:
    token = form_token(signed_in.trigger.get("/").text)
    other = Services(real_store, api_token=TOKEN).trigger
    other.post("/sign-in", data={"token": TOKEN})

    started = signed_in.trigger.post("/start", data={"count": "1", "form_token": token})

    body_of(started, 202)
    problem_of(other.post("/start", data={"count": "1", "form_token": token}), 403)


@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
@pytest.mark.parametrize("path", ["/trigger/done?count=1", "/trigger/distinct?count=1"])
def test_a_get_changes_nothing_by_the_cookie_alone(
    signed_in: Services, path: str, site: dict[str, str]
) -> None:
    problem = problem_of(signed_in.trigger.get(path, headers=site), 403)

    assert "a GET changes nothing" in problem["detail"]
    body_of(signed_in.trigger.get(path, headers=BEARER), 202)


@pytest.mark.parametrize(
    ("service", "path", "instead"),
    [
        ("trigger", "/trigger/done?count=1", "POST"),
        ("trigger", "/trigger/distinct?count=1", "POST"),
        ("done", "/done?taskId=a&stepNumber=0", "POST"),
        ("distinct", "/distinct?userId=7", "POST"),
        ("distinct", "/distinct/reset", "DELETE /distinct"),
    ],
)
def test_the_gets_of_the_example_can_be_turned_off(
    real_store: Store, service: str, path: str, instead: str
) -> None:
    client = Services(real_store, example_gets=False).of(service)

    problem = problem_of(client.get(path), 405)

    assert problem["detail"] == f"a GET changes nothing here, as EXAMPLE_GETS is 0: use {instead}"
    assert real_store.task_index.sizes() == (0, 0)
    assert real_store.visits.events() == {}


def test_the_count_of_the_example_stays_without_its_gets(real_store: Store) -> None:
    services = Services(real_store, example_gets=False)

    assert body_of(services.distinct.get("/distinct")) == {"distinct": 0}
    body_of(services.distinct.post("/distinct?userId=7"))
    body_of(services.trigger.post("/trigger/done?count=1"), 202)


def test_a_cookie_signed_with_another_token_opens_nothing(real_store: Store) -> None:
    old, new = Services(real_store, api_token="old"), Services(real_store, api_token="new")
    cookie = old.trigger.post("/sign-in", data={"token": "old"}).headers["Set-Cookie"].partition(";")[0]

    answer = new.trigger.get("/metrics", headers={"Cookie": cookie})

    problem_of(answer, 401)


def test_the_sign_in_page_is_drawn_without_the_token(guarded: Services) -> None:
    page = guarded.trigger.get("/sign-in").text

    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert files
    for file in files:
        with guarded.trigger.get(file) as answer:
            assert answer.status_code == 200


def test_where_no_token_is_set_there_is_nothing_to_sign_in_to(real_services: Services) -> None:
    answer = real_services.trigger.post("/sign-in", data={"token": "any"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("service", "url"),
    [
        ("trigger", "/"),
        ("trigger", "/sign-in"),
        ("trigger", "/nothing"),
        ("done", "/tasks"),
        ("distinct", "/distinct"),
    ],
)
def test_every_answer_says_what_a_page_may_load(real_services: Services, service: str, url: str) -> None:
    headers = real_services.of(service).get(url).headers

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("url", ["/", "/sign-in"])
def test_a_page_has_no_inline_script_or_style(real_services: Services, url: str) -> None:
    page = real_services.trigger.get(url).text

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", page) == []


@pytest.mark.parametrize("service", NAMES)
def test_the_real_service_refuses_an_open_address_without_a_token(tmp_path: Path, service: str) -> None:
    environment = {"HOST": "0.0.0.0", "API_TOKEN": "", "ALLOW_ANONYMOUS": ""}
    started = Started([sys.executable, "-m", f"{service}_app"], tmp_path, **environment)
    try:
        code = started.exit_code(20)
        (sentence,) = started.err.splitlines()
    finally:
        started.end()

    assert code == 2
    assert "HOST is 0.0.0.0" in sentence
    assert "API_TOKEN" in sentence


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "address", [{"PATH_INFO": "/flags/f/users/\xff"}, {"PATH_INFO": "/users", "QUERY_STRING": "user=%FF"}]
)
def test_an_address_that_is_no_utf_8_is_refused_and_means_nobody(
    real_store: Store, method: str, address: dict[str, str]
) -> None:
    distinct = Services(real_store).distinct

    # As a server hands on what came: the test client's own addresses are mended before they are sent.
    problem = problem_of(distinct.open("/", method=method, environ_overrides=address))

    assert "bytes that are no UTF-8" in problem["detail"]
