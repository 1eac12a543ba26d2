"""A server that is there and refuses is an outage too, within a pipeline as well: 503 with Retry-After."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.client import outages_named
from tests.servers import RunningServer, running, valkey_binary
from tests.started import eventually
from tests.web.services import Services, body_of, problem_of

ENDLESS = "while true do end"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("refusing")) as server:
        yield server


@pytest.fixture
def services(server: RunningServer) -> Services:
    """With a flag of users in three segments."""
    server.client.flushall()
    services = Services(Store.at(server.url, prefix="donebit:", connections=4))
    body_of(services.distinct.put("/flags/f/users", json={"users": [1, 2_000_000, 4_000_000_000]}))
    return services


@contextmanager
def busy(server: RunningServer) -> Iterator[None]:
    """A server within somebody's endless script, which answers BUSY."""
    server.client.config_set("busy-reply-threshold", 20)
    with ThreadPoolExecutor(1) as other, Redis(port=server.port, socket_timeout=60) as client:
        running_script = other.submit(client.eval, ENDLESS, 0)
        eventually(lambda: not server.answers(), what="the script did not start")
        try:
            yield
        finally:
            server.client.script_kill()
            assert isinstance(running_script.exception(10), ResponseError)


def retried(services: Services, service: str, method: str, path: str, body: bytes | None = None) -> str:
    answer = services.of(service).open(path, method=method, data=body)
    assert answer.headers["Retry-After"] == "1"
    detail: str = problem_of(answer, 503)["detail"]
    return detail


def test_a_write_without_enough_replicas_is_503(server: RunningServer, services: Services) -> None:
    server.client.config_set("min-replicas-to-write", 1)
    try:
        put = retried(services, "distinct", "PUT", "/flags/f/bitmap?format=raw", b"\x40")
        deleted = retried(services, "distinct", "DELETE", "/flags/f")
    finally:
        server.client.config_set("min-replicas-to-write", 0)

    assert put == deleted == "Redis cannot serve now: it has too few replicas"
    assert body_of(services.distinct.get("/flags/f/count"))["count"] == 3


def test_a_busy_server_is_503_and_shown_as_down(server: RunningServer, services: Services) -> None:
    with busy(server):
        details = {
            retried(services, "done", "GET", "/workers"),
            retried(services, "distinct", "DELETE", "/flags/f"),
            retried(services, "distinct", "PUT", "/flags/f/bitmap?format=raw", b"\x40"),
            retried(services, "distinct", "GET", "/flags/f/count"),
        }
        figures = services.done.get("/metrics")

    assert details == {"Redis cannot serve now: a script holds it up"}
    assert (figures.status_code, "donebit_up 0.0" in figures.text) == (200, True)
    assert body_of(services.distinct.get("/flags/f/count"))["count"] == 3


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("MISCONF", "it cannot save to its disk"),
        ("LOADING", "it is loading its data"),
        ("NOREPLICAS", "it has too few replicas"),
        ("BUSY", "a script holds it up"),
        ("MASTERDOWN", "it has lost its primary"),
    ],
)
def test_a_refusal_is_known_by_its_code_within_a_pipeline(code: str, why: str) -> None:
    @outages_named
    def refused() -> None:
        raise ResponseError(f"Command # 2 (GET k) of pipeline caused error: {code} no")

    with pytest.raises(StoreUnavailable, match=f"cannot serve now: {why}$") as refusal:
        refused()

    assert f"(GET k) of pipeline caused error: {code} no" in refusal.value.in_full


@pytest.mark.parametrize(
    ("setting", "value", "said", "logged"),
    [
        ("maxmemory", "1", "Redis cannot serve now: its memory is full", "used memory > 'maxmemory'"),
        ("requirepass", "secret", "Redis refuses the credentials in REDIS_URL", "Authentication required"),
        ("min-replicas-to-write", "1", "Redis cannot serve now: it has too few replicas", "NOREPLICAS"),
    ],
)
def test_what_the_server_says_is_logged_and_not_answered(
    server: RunningServer, caplog: pytest.LogCaptureFixture, setting: str, value: str, said: str, logged: str
) -> None:
    allowed = str(server.client.config_get(setting)[setting])
    server.client.config_set(setting, value)
    services = Services(Store.at(server.url, connections=4))
    try:
        with caplog.at_level(logging.WARNING):
            details = {
                retried(services, "distinct", "PUT", "/flags/g/bitmap?format=raw", b"\x40"),
                retried(services, "distinct", "POST", "/distinct?userId=7"),
                retried(services, "trigger", "POST", "/trigger/done?count=3"),
                body_of(services.done.get("/health"), 503)["detail"],
            }
    finally:
        server.client.config_set(setting, allowed)

    assert details == {said}
    assert caplog.text.count(logged) >= 4


def test_a_mistake_of_ours_is_none_though_a_key_is_named_like_a_refusal(server: RunningServer) -> None:
    key = "x of pipeline caused error: MISCONF"
    server.client.delete(key)
    server.client.rpush(key, 1)

    @outages_named
    def mistaken() -> None:
        with server.client.pipeline(transaction=False) as pipe:
            pipe.get(key)
            pipe.execute()

    with pytest.raises(RedisError, match="WRONGTYPE"):
        mistaken()


def test_a_script_that_an_operator_kills_is_an_outage(server: RunningServer) -> None:
    server.client.config_set("busy-reply-threshold", 20)
    with ThreadPoolExecutor(1) as other, Redis(port=server.port, socket_timeout=60) as client:
        question = other.submit(outages_named(client.eval), ENDLESS, 0)
        eventually(lambda: not server.answers(), what="the script did not start")
        server.client.script_kill()

        with pytest.raises(StoreUnavailable, match=r"cannot serve now: an operator ended"):
            question.result(10)


@pytest.mark.parametrize("transaction", [False, True])
def test_scripts_flushed_within_a_pipeline_are_loaded_by_the_next(
    server: RunningServer, transaction: bool
) -> None:
    script = server.client.register_script("return redis.call('INCR', KEYS[1])")
    server.client.delete("count")

    @outages_named
    def count(*, flush: bool = False) -> object:
        with server.client.pipeline(transaction=transaction) as pipe:
            script(keys=["count"], client=pipe)
            if flush:
                pipe.script_flush()
            script(keys=["count"], client=pipe)
            return pipe.execute()[-1]

    with pytest.raises(StoreUnavailable, match="lost its scripts while they were in use: send it again"):
        count(flush=True)

    assert count() == 3
