"""A service under a path of another host: every address that it gives out begins with that path."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path

import pytest
from pydantic import ValidationError

from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.store import Store
from donebit.web.prefix import refuse_own_path
from tests.servers import RunningServer
from tests.started import Started
from tests.web.services import NAMES, Services, body_of, problem_of

PREFIX = "/donebit"
OF_A_TASK = ["/tasks/{task}", "/tasks/{task}/cancel", "/workers?task={task}"]
PAGES = ["/", *OF_A_TASK, "/distinct", "/workers", "/nowhere"]
ADDRESSES = re.compile(r"""\s(?:href|src|action|formaction|data-then)="([^"]*)\"""")
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def under(store: Store) -> Services:
    return Services(store, trigger_prefix=PREFIX, done_prefix=f"{PREFIX}/api/done")


@pytest.mark.parametrize("passed_on", [PREFIX, ""], ids=["the whole path", "what follows the prefix"])
@pytest.mark.parametrize("page", PAGES)
def test_every_address_on_a_page_begins_with_it(under: Services, page: str, passed_on: str) -> None:
    task = under.start(3)

    drawn = under.trigger.get(passed_on + page.format(task=task), headers=BROWSER).text
    own = [one for one in ADDRESSES.findall(drawn) if not one.startswith(("#", "?"))]

    assert len(own) > 8
    assert [one for one in own if not one.startswith(f"{PREFIX}/")] == []
    assert f'data-root="{PREFIX}"' in drawn


def test_the_page_is_also_there_without_a_slash_after_it(under: Services) -> None:
    assert under.trigger.get(PREFIX).text == under.trigger.get(f"{PREFIX}/").text


def test_what_a_stream_draws_begins_with_it_too(under: Services) -> None:
    task = under.start(3)

    with under.trigger.get(f"{PREFIX}/events/done") as events:
        drawn = b"".join(islice(events.iter_encoded(), 4)).decode()

    assert f"{PREFIX}/tasks/{task}" in drawn
    assert 'href=\\"/tasks' not in drawn


def test_forms_lead_back_under_it(under: Services) -> None:
    started = under.trigger.post(f"{PREFIX}/start", data={"count": "3", "job": ""}, headers=BROWSER)
    task = started.headers["Location"].rpartition("/")[2]
    cancelled = under.trigger.post(f"{PREFIX}/tasks/{task}/cancel", headers=BROWSER)
    deleted = under.trigger.post(f"{PREFIX}/tasks/{task}/delete", headers=BROWSER)

    found = [answer.headers["Location"] for answer in (started, cancelled, deleted)]
    assert found == [f"{PREFIX}/tasks/{task}", f"{PREFIX}/tasks/{task}", f"{PREFIX}/"]


def test_signing_in_leads_back_under_it_and_its_cookie_stays_there(store: Store) -> None:
    under = Services(store, trigger_prefix=PREFIX, api_token="sesame")

    sent_away = under.trigger.get(f"{PREFIX}/workers?task=a", headers=BROWSER)
    form = under.trigger.get(sent_away.headers["Location"]).text
    to = re.findall(r'name="to" value="([^"]*)"', form)[0]
    signed_in = under.trigger.post(f"{PREFIX}/sign-in", data={"token": "sesame", "to": to})

    assert sent_away.headers["Location"].startswith(f"{PREFIX}/sign-in?to=")
    assert signed_in.headers["Location"] == f"{PREFIX}/workers?task=a"
    assert f"Path={PREFIX}" in signed_in.headers["Set-Cookie"]
    assert under.trigger.get(signed_in.headers["Location"]).status_code == 200


def test_the_api_pages_ask_below_it(under: Services) -> None:
    prefix = f"{PREFIX}/api/done"

    index = under.done.get(f"{prefix}/docs/", follow_redirects=True)
    document = body_of(under.done.get(f"{prefix}/openapi.json"))

    assert index.status_code == 200
    assert [one for one in ADDRESSES.findall(index.text) if one.startswith("/") and prefix not in one] == []
    assert [one["url"] for one in document["servers"]] == [prefix]


def test_no_header_makes_one_up(store: Store) -> None:
    plain = Services(store)

    headers = {**BROWSER, "X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil"}

    assert "evil" not in plain.trigger.get("/", headers=headers).text


@pytest.mark.parametrize("wrong", ["donebit", "//evil.example", "/a//b", "/a/../b", "/a b", "/a?b", '/"'])
def test_a_prefix_that_is_no_path_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="must be a path such as /donebit"):
        Settings(trigger_prefix=wrong)


def test_a_slash_at_its_end_is_nothing() -> None:
    assert [Settings(trigger_prefix=one).trigger_prefix for one in ("/donebit/", "/", "")] == [PREFIX, "", ""]


OWN = [
    ("trigger", "/trigger"),
    ("trigger", "/tasks"),
    ("trigger", "/tasks/any"),
    ("trigger", "/static/css"),
    ("trigger", "/health"),
    ("done", "/done"),
    ("distinct", "/distinct"),
    ("distinct", "/events/any/users"),
]


@pytest.mark.parametrize(("service", "prefix"), OWN)
def test_a_prefix_that_is_a_path_of_the_service_is_refused(store: Store, service: str, prefix: str) -> None:
    app = Services(store).of(service).application

    with pytest.raises(ConfigurationError) as refused:
        refuse_own_path(app, prefix)

    assert re.search(
        rf"{service.upper()}_PREFIX is '{prefix}', where {service}_app has its own path /", str(refused.value)
    )


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("prefix", ["", "/donebit", "/donebit/tasks", "/task", "/a/b/c/d", "/events.example"])
def test_a_prefix_that_is_no_path_of_the_service_is_taken(store: Store, service: str, prefix: str) -> None:
    refuse_own_path(Services(store).of(service).application, prefix)


def test_a_service_with_such_a_prefix_stops_at_its_start_with_a_sentence(
    tmp_path: Path, valkey: RunningServer
) -> None:
    environment = {"REDIS_URL": valkey.url, "DONE_PREFIX": "/done", "HOST": ""}
    started = Started([sys.executable, "-m", "done_app"], tmp_path, **environment)

    try:
        code = started.exit_code(30)
        (sentence,) = started.err.splitlines()
    finally:
        started.end()

    assert code == 2
    assert "DONE_PREFIX is '/done', where done_app has its own path /done" in sentence


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Host": "127.0.0.1:8098", "Origin": "https://example.org"}, "it is of 'https://example.org'"),
        ({"Host": "example.org", "Origin": "http://example.org:8080"}, "the Host is 'example.org'"),
        ({"Host": "upstream:8098"}, "the Host 'upstream:8098' is not known here"),
    ],
)
def test_a_refused_form_says_which_header_a_proxy_must_pass(
    store: Store, headers: dict[str, str], named: str
) -> None:
    services = Services(store, allowed_hosts="example.org")

    detail = problem_of(services.trigger.post("/start", data={"count": "3"}, headers=headers), 403)["detail"]

    assert named in detail
    assert "must pass on the header Host that the browser sent" in detail
    assert "(nginx: proxy_set_header Host $http_host)" in detail
