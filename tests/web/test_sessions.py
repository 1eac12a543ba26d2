"""Sessions of the dashboard: how long they last, how they end, and over what their cookie is sent."""

from __future__ import annotations

import re
import urllib.request
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from donebit import clock
from donebit.access import tokens
from donebit.access.known_tokens import READ_AGAIN_SECONDS
from donebit.access.roles import Role
from donebit.access.sessions import COOKIE, DashboardSession
from donebit.store import Store
from donebit.web.access import access_of
from tests.servers import RunningServer
from tests.started import eventually
from tests.trigger_app.test_pages import PEOPLE
from tests.web.real import running_services
from tests.web.services import Services, problem_of
from tests.web.test_guard import form_token
from tests.web.test_roles import ADMIN, bearer

IDLE = timedelta(hours=12)


@pytest.fixture
def guarded(real_store: Store) -> Services:
    return Services(real_store, api_token=ADMIN)


def browser_of(services: Services) -> FlaskClient:
    """A browser of its own, which has signed in."""
    browser = services.trigger.application.test_client()
    assert browser.post("/sign-in", data={"token": ADMIN}).status_code == 302
    return browser


def sign_out(browser: FlaskClient, **fields: str) -> None:
    token = form_token(browser.get("/").text)
    answer = browser.post("/sign-out", data={"form_token": token, **fields})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/").status_code == 200


def with_cookie(services: Services, value: str) -> FlaskClient:
    browser = services.trigger.application.test_client()
    browser.set_cookie(COOKIE, value)
    return browser


def cookie_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None
    return cookie.value


@pytest.mark.parametrize(
    "path", ["/", "/history?range=30d", "/jobs", "/jobs/demo?limit=3", "/schedule", "/schedules", "/audit"]
)
def test_every_page_leads_a_browser_to_the_sign_in_and_back(guarded: Services, path: str) -> None:
    browser = guarded.trigger.application.test_client()

    led = browser.get(path, headers=PEOPLE)

    assert led.status_code == 302
    sign_in = browser.get(led.headers["Location"])
    to = re.search(r'name="to" value="([^"]*)"', sign_in.text)
    assert to
    assert unescape(to[1]) == path


def test_who_sends_a_wrong_token_is_told_so(guarded: Services) -> None:
    answer = guarded.trigger.get("/jobs", headers=PEOPLE | bearer("unknown"))

    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "The token is unknown" in answer.text


def test_signing_out_ends_this_session_even_where_its_cookie_is_kept(guarded: Services) -> None:
    here, elsewhere = browser_of(guarded), browser_of(guarded)
    stolen = cookie_of(here)
    assert is_in(with_cookie(guarded, stolen))

    sign_out(here)

    assert here.get_cookie(COOKIE) is None
    assert (is_in(here), is_in(elsewhere)) == (False, True)
    assert not is_in(with_cookie(guarded, stolen))


def test_signing_out_everywhere_ends_all_sessions_of_that_token(guarded: Services, real_store: Store) -> None:
    here, elsewhere = browser_of(guarded), browser_of(guarded)
    other = guarded.trigger.application.test_client()
    other.post("/sign-in", data={"token": tokens.create(real_store, "another", Role.READ)[1]})

    sign_out(here, everywhere="1")

    assert [is_in(one) for one in (here, elsewhere, other)] == [False, False, True]
    assert is_in(browser_of(guarded))


def test_it_takes_the_form_to_sign_somebody_out(guarded: Services) -> None:
    browser = browser_of(guarded)

    problem_of(browser.post("/sign-out"), 403)

    assert is_in(browser)


def test_a_sign_out_is_known_to_every_process_within_5_s(guarded: Services, real_store: Store) -> None:
    browser = browser_of(guarded)
    other = guarded.done.application.test_client()
    other.set_cookie(COOKIE, cookie_of(browser))
    assert other.get("/tasks").status_code == 200

    sign_out(browser)

    eventually(lambda: other.get("/tasks").status_code == 401, 5)
    assert real_store.access.tokens_and_sign_outs(clock.now_ms() + 13 * 3_600_000)[1] == []


def test_a_session_ends_when_its_token_is_revoked(guarded: Services, real_store: Store) -> None:
    browser = guarded.trigger.application.test_client()
    browser.post("/sign-in", data={"token": tokens.create(real_store, "leaked", Role.READ)[1]})
    assert is_in(browser)

    guarded.trigger.delete("/tokens/leaked", headers=bearer(ADMIN))

    assert not is_in(browser)


@pytest.mark.parametrize(
    ("idle", "state"),
    [
        (timedelta(0), "open"),
        (IDLE / 40, "renewed"),
        (IDLE - timedelta(minutes=1), "renewed"),
        (IDLE, "over"),
        (IDLE * 9, "over"),
    ],
)
def test_a_session_lasts_while_it_is_used(guarded: Services, idle: timedelta, state: str) -> None:
    browser = browser_of(guarded)
    access = access_of(browser.application)
    session = DashboardSession.from_cookie(cookie_of(browser), access.session_key)
    assert session is not None
    seen = session.renewed(clock.now_ms() - idle // timedelta(milliseconds=1))

    answer = with_cookie(guarded, seen.to_cookie(access.session_key)).get("/")

    assert (answer.status_code == 302) is (state == "over")
    assert ("Set-Cookie" in answer.headers) is (state == "renewed")


def test_how_long_it_may_be_idle_is_a_setting(real_store: Store) -> None:
    services = Services(real_store, api_token=ADMIN, session_idle="0.05")
    browser = browser_of(services)

    eventually(lambda: not is_in_without_use(services, cookie_of(browser)))


def is_in_without_use(services: Services, cookie: str) -> bool:
    return is_in(with_cookie(services, cookie))


@pytest.mark.parametrize("part", range(6))
def test_a_cookie_that_is_changed_anywhere_opens_nothing(guarded: Services, part: int) -> None:
    parts = cookie_of(browser_of(guarded)).split(".")
    changed = "tls" if parts[part] == "plain" else parts[part][:-1] + ("0" if parts[part][-1] != "0" else "1")

    forged = ".".join([*parts[:part], changed, *parts[part + 1 :]])

    assert not is_in(with_cookie(guarded, forged))


@pytest.mark.parametrize(
    ("headers", "settings", "secure"),
    [
        ({}, {}, False),
        ({"X-Forwarded-Proto": "http"}, {}, False),
        ({"X-Forwarded-Proto": "https"}, {}, True),
        ({"Origin": "https://localhost"}, {}, True),
        ({}, {"cookie_secure": True}, True),
    ],
)
def test_the_cookie_is_secure_behind_tls_and_where_told_so(
    real_store: Store, headers: dict[str, str], settings: dict[str, bool], *, secure: bool
) -> None:
    services = Services(real_store, api_token=ADMIN, **settings)
    client = services.trigger

    cookie = client.post("/sign-in", data={"token": ADMIN}, headers=headers).headers["Set-Cookie"]

    assert ("Secure" in cookie.split("; ")) is secure
    access = access_of(client.application)
    session = DashboardSession.from_cookie(re.findall(r"=([^;]+)", cookie)[0], access.session_key)
    assert session is not None
    old = session.renewed(clock.now_ms() - 3_600_000).to_cookie(access.session_key)
    renewed = with_cookie(services, old).get("/").headers["Set-Cookie"]
    assert ("Secure" in renewed.split("; ")) is secure


def test_a_stream_ends_when_its_token_is_revoked(
    real_store: Store, valkey: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:

    folder = tmp_path_factory.mktemp("streams")
    _, token = tokens.create(real_store, "watcher", Role.READ)
    with running_services(folder, valkey.url, API_TOKEN=ADMIN) as services:
        asked = urllib.request.Request(services.url("done", "/events"), headers=bearer(token))
        with urllib.request.urlopen(asked, timeout=30) as stream:
            assert stream.readline() == b"retry: 1000\n"
            tokens.revoke(real_store, "watcher")

            rest = stream.read()  # to its end

    assert b"data:" not in rest
    assert READ_AGAIN_SECONDS < 5


def test_a_field_of_a_form_that_is_given_twice_is_refused(guarded: Services) -> None:
    browser = guarded.trigger.application.test_client()

    refused = browser.post("/sign-in", data={"token": ["wrong", ADMIN]})

    assert problem_of(refused)["detail"] == "token is given 2 times; once is enough"
    assert not is_in(browser)
