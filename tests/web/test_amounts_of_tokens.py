"""How many events, flags and text ids one token may bring: what goes beyond is 429, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from donebit.access import quotas, tokens
from donebit.access.roles import Role
from donebit.store import Store
from tests.activity.arranged import PAST_DAY
from tests.web.services import Services, body_of
from tests.web.test_quotas import HEADERS, keys, refused, visits_to
from tests.web.test_roles import ADMIN, bearer

LINES = "application/x-ndjson"


class Caller:
    """Sends requests to distinct_app with a token of its own, as an admin."""

    def __init__(self, services: Services, store: Store, name: str) -> None:
        self._client = services.distinct
        self._headers = bearer(tokens.create(store, name, Role.ADMIN)[1])

    def ask(self, method: str, path: str, **body: Any) -> TestResponse:
        return self._client.open(path, method=method, headers=self._headers, **body)

    def visit(self, event: str, *users: int | str) -> TestResponse:
        return self.ask("POST", f"/events/{event}", json={"users": users or (1,)})

    def flag(self, flag: str, user: int | str = 1) -> TestResponse:
        return self.ask("PUT", f"/flags/{flag}/users/{user}")


@pytest.fixture
def fresh_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are read each time: what one second brings is not in question here."""
    monkeypatch.setattr(quotas, "READ_AGAIN_SECONDS", 0)


@pytest.fixture
def services(real_store: Store) -> Services:
    limits = dict.fromkeys(("max_events_of_token", "max_flags_of_token", "max_text_ids_of_token"), 2)
    return Services(real_store, api_token=ADMIN, **limits)


@pytest.fixture
def callers(services: Services, real_store: Store, fresh_figures: None) -> tuple[Caller, Caller]:
    """Two tokens, each of which may bring two of a kind."""
    del fresh_figures
    return Caller(services, real_store, "one"), Caller(services, real_store, "other")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events/third", {"json": {"users": [1]}}),
        ("POST", "/visits", {"json": {"visits": [{"event": "third", "user": 1}]}}),
        ("POST", "/visits", {"data": b'{"event":"third","user":1}', "content_type": LINES}),
        ("POST", f"/events/third/bitmap?format=raw&period=day&at={PAST_DAY}", {"data": b"A"}),
        ("POST", "/distinct?userId=7", {}),
        ("GET", "/distinct?userId=7", {}),
    ],
)
def test_a_token_begins_only_so_many_events(
    callers: tuple[Caller, Caller], real_client: Redis, method: str, path: str, body: dict[str, Any]
) -> None:
    one, other = callers
    body_of(one.visit("a"))
    body_of(one.ask("POST", "/visits", json=visits_to("a", "b")))
    before = keys(real_client)

    refused(one.ask(method, path, **body), "MAX_EVENTS_OF_TOKEN")

    assert keys(real_client) == before
    body_of(other.ask(method, path, **body))  # each has its own
    body_of(one.ask(method, path, **body))  # for it is there now
    body_of(one.visit("a", 2))
    body_of(one.ask("DELETE", "/events/b"))
    body_of(one.visit("c"))
    refused(one.visit("d"), "MAX_EVENTS_OF_TOKEN")


def test_new_events_of_one_request_count_together(callers: tuple[Caller, Caller], real_client: Redis) -> None:
    one, _ = callers
    before = keys(real_client)

    refused(one.ask("POST", "/visits", json=visits_to("a", "b", "c")), "MAX_EVENTS_OF_TOKEN")

    assert keys(real_client) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flags/{}/users/7", {}),
        ("/flags/{}/users", {"json": {"users": [7]}}),
        ("/flags/{}/bitmap?format=raw", {"data": b"A"}),
        ("/flags/{}/bitmap?format=ids", {"data": b"5\n"}),
        ("/flags/{}", {"json": {"query": {"flag": "known"}}}),
    ],
)
def test_a_token_begins_only_so_many_flags(
    callers: tuple[Caller, Caller], real_client: Redis, path: str, body: dict[str, Any]
) -> None:
    one, other = callers
    body_of(other.flag("known"))
    for flag in "aab":
        body_of(one.ask("PUT", path.format(flag), **body))
    before = keys(real_client)

    refused(one.ask("PUT", path.format("c"), **body), "MAX_FLAGS_OF_TOKEN")

    assert keys(real_client) == before
    body_of(one.ask("PUT", path.format("known"), **body))
    body_of(one.ask("DELETE", "/flags/a"))
    body_of(one.ask("PUT", path.format("c"), **body))
    refused(one.flag("d"), "MAX_FLAGS_OF_TOKEN")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events/e", {"json": {"users": ["a", "c"]}}),
        ("PUT", "/flags/f/users/c", {}),
        ("PUT", "/flags/f/users", {"json": {"users": ["b", "c"]}}),
        ("PUT", "/flags/f/bitmap?format=ids", {"data": b'"c"\n'}),
        ("POST", f"/events/e/bitmap?format=ids&period=day&at={PAST_DAY}", {"data": b'"c"\n'}),
    ],
)
def test_a_token_brings_only_so_many_text_ids(
    callers: tuple[Caller, Caller], real_client: Redis, method: str, path: str, body: dict[str, Any]
) -> None:
    one, other = callers
    body_of(other.visit("e", "known"))
    body_of(one.visit("e", "known", "a", "b"))
    before = keys(real_client)

    refused(one.ask(method, path, **body), "MAX_TEXT_IDS_OF_TOKEN")

    assert keys(real_client) == before
    body_of(one.visit("e", "b", "known"))
    body_of(one.flag("f", "a"))
    body_of(one.ask("DELETE", "/users/a"))
    body_of(one.ask(method, path, json={"users": ["c"]}) if "json" in body else one.ask(method, path, **body))
    refused(one.visit("e", "d"), "MAX_TEXT_IDS_OF_TOKEN")


def test_many_text_ids_are_noted_as_far_as_they_are_new(real_store: Store) -> None:
    services = Services(real_store, api_token=ADMIN, max_text_ids_of_token=5000)
    one, other = (Caller(services, real_store, name) for name in ("one", "other"))
    known = [f"u{number}" for number in range(1500, 3000)]
    body_of(other.visit("e", *known))

    body_of(one.visit("e", *(f"u{number}" for number in range(4000))))

    assert real_store.begun.counts("text_ids") == {"one": 2500, "other": 1500}


def test_integers_that_are_mapped_are_no_text_ids(callers: tuple[Caller, Caller], real_store: Store) -> None:
    one, _ = callers

    body_of(one.ask("POST", "/events/mapped", json={"users": [2**31, 2**32 - 1, 7], "ids": "mapped"}))
    body_of(one.visit("texts", "a", "b"))

    assert real_store.begun.counts("text_ids") == {"one": 2, "other": 0}


def test_one_process_knows_at_once_what_a_token_began(services: Services, real_store: Store) -> None:
    one = Caller(services, real_store, "first")
    statuses = [one.visit(event, *event).status_code for event in "abcde"]
    flags = [one.flag(flag).status_code for flag in "abcde"]

    assert (statuses, flags) == ([200, 200, 429, 429, 429], [200, 200, 429, 429, 429])


def test_the_operator_is_held_to_none_of_these(services: Services, real_store: Store) -> None:
    for name in "abc":
        body_of(services.distinct.post(f"/events/{name}", json={"users": [name]}, headers=HEADERS))
        body_of(services.distinct.put(f"/flags/{name}/users/1", headers=HEADERS))
    assert real_store.begun.counts("events") == {}


def test_known_events_and_users_cost_no_further_command(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "READ_AGAIN_SECONDS", 3600)  # however long this takes
    limits = dict.fromkeys(("max_events_of_token", "max_flags_of_token", "max_text_ids_of_token"), 9)
    free, held = Services(real_store, api_token=ADMIN), Services(real_store, api_token=ADMIN, **limits)

    def commands(caller: Caller) -> int:
        real_client.config_resetstat()
        for _ in range(20):
            body_of(caller.visit("texts", "a", "b"))
            body_of(caller.visit("integers", 1))
            body_of(caller.flag("f", "a"))
        return sum(one["calls"] for one in real_client.info("commandstats").values())

    callers = [Caller(one, real_store, name) for one, name in ((free, "a"), (held, "b"))]
    for caller in callers:
        commands(caller)  # which begins all of it, and learns what a process asks once

    # None for each request; a process reads its tokens again every few seconds.
    assert commands(callers[1]) - commands(callers[0]) < 20


def test_metrics_show_what_the_token_with_most_has(
    callers: tuple[Caller, Caller], services: Services
) -> None:
    one, other = callers
    for event in "ab":
        body_of(one.visit(event, *event))
    body_of(other.visit("c", "c"))
    body_of(one.ask("DELETE", "/events/a"))
    body_of(one.ask("DELETE", "/events/b"))

    text = services.distinct.get("/metrics", headers=HEADERS).text

    assert 'donebit_quota_limit{setting="MAX_EVENTS_OF_TOKEN"} 2.0' in text
    assert 'donebit_quota_used{setting="MAX_EVENTS_OF_TOKEN"} 1.0' in text
    assert 'donebit_quota_used{setting="MAX_TEXT_IDS_OF_TOKEN"} 2.0' in text
    assert 'donebit_quota_used{setting="MAX_FLAGS_OF_TOKEN"} 0.0' in text
    assert "MAX_OPEN_TASKS_OF_TOKEN" not in text
