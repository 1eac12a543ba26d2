"""Redis frozen or gone: 503 within about a second, and on by itself when it is back."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from donebit.store import Store
from tests.servers import RunningServer, running, valkey_binary
from tests.started import Started, eventually
from tests.web.real import Answer, RealServices, running_services
from tests.web.services import ELSEWHERE, Services, body_of

# The services give up after 0.8 s; the rest is room for a busy machine.
AT_MOST_SECONDS = 1.5
ROUTES = [
    ("trigger", "POST", "/trigger/done?count=3", None),
    ("trigger", "GET", "/trigger/distinct/?count=3", None),
    ("trigger", "POST", "/tasks", {"count": 3}),
    ("trigger", "POST", "/tasks", {"count": 3, "task_id": "known"}),
    ("done", "GET", "/tasks", None),
    ("done", "GET", "/tasks/known", None),
    ("done", "GET", "/tasks/known/missing", None),
    ("done", "GET", "/tasks/known/bitmap", None),
    ("done", "GET", "/tasks/known/events", None),
    ("done", "PUT", "/tasks/known/steps/0", None),
    ("done", "POST", "/tasks/known/steps", {"steps": [0]}),
    ("done", "POST", "/done?taskId=known&stepNumber=0", None),
    ("done", "POST", "/tasks/known/cancel", None),
    ("done", "DELETE", "/tasks/known", None),
    ("distinct", "POST", "/distinct?userId=7", None),
    ("distinct", "GET", "/distinct", None),
    ("distinct", "DELETE", "/distinct", None),
    ("distinct", "GET", "/distinct/reset", None),
    ("distinct", "POST", "/events/e", {"users": [7]}),
    ("distinct", "POST", "/events/e", {"users": ["a"]}),
    ("distinct", "GET", "/events/e/count", None),
    ("distinct", "GET", "/events/e/users/7", None),
    ("distinct", "GET", "/events/e/users?user=a", None),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("outage-server")) as own:
        yield own


@pytest.fixture(scope="module")
def services(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with running_services(tmp_path_factory.mktemp("outage-services"), server.url) as real:
        yield real


@pytest.fixture(params=["frozen", "gone"])
def outage(request: pytest.FixtureRequest, server: RunningServer, services: RealServices) -> Iterator[None]:
    assert services.healthy()
    if request.param == "frozen":
        os.kill(server.process.pid, signal.SIGSTOP)
        yield
        os.kill(server.process.pid, signal.SIGCONT)
    else:
        server.end()
        yield
        server.start()
    eventually(services.healthy, what="the services do not serve again")
    assert services.ask("distinct", "POST", "/distinct?userId=7").status == 200


def timed(services: RealServices, route: tuple[str, str, str, object]) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = services.ask(*route)
    return answer, time.monotonic() - began


@pytest.mark.usefixtures("outage")
def test_every_route_says_503_soon(services: RealServices) -> None:
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda route: timed(services, route), ROUTES))

    slow = {route[:3]: round(took, 2) for route, (_, took) in zip(ROUTES, answers, strict=True)}
    assert {answer.status for answer, _ in answers} == {503}
    assert {answer.headers["Content-Type"] for answer, _ in answers} == {"application/problem+json"}
    assert {answer.headers["Retry-After"] for answer, _ in answers} == {"1"}
    assert max(slow.values()) < AT_MOST_SECONDS, slow


@pytest.mark.usefixtures("outage")
def test_health_the_page_and_the_figures_tell_of_it(services: RealServices) -> None:
    health = services.ask("done", "GET", "/health")
    page = services.ask("trigger", "GET", "/")
    figures = services.ask("distinct", "GET", "/metrics")

    assert (health.status, health.json["status"]) == (503, "unavailable")
    assert health.headers["Retry-After"] == "1"
    assert page.status == 200
    assert b"Redis cannot be reached" in page.body
    assert b"donebit_up 0.0" in figures.body


@pytest.mark.usefixtures("outage")
def test_a_service_without_redis_is_alive(services: RealServices) -> None:
    for name in ("trigger", "done", "distinct"):
        assert services.ask(name, "GET", "/health/live").status == 200


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_encoded_newline_in_a_path_forges_no_line(tmp_path: Path, log_format: str) -> None:
    port = free_server_port()
    settings = {"DISTINCT_PORT": str(port), "LOG_FORMAT": log_format, "REDIS_URL": ELSEWHERE}
    service = Started([sys.executable, "-m", "distinct_app"], tmp_path, **settings)
    alone = RealServices({"distinct": port})
    try:
        eventually(lambda: alone.answers("distinct"), 30, what="the service did not start")
        for path in ("/events/a%0d%0aWARNING%3A+forged%1b%5b2J/count", "/events/e/users/a%0a%7b%7d"):
            assert alone.ask("distinct", "GET", path).status == 503
        service.wait_for("/events/e/users/a")
    finally:
        service.end()

    lines = service.out.splitlines()
    assert [r"a\r\nWARNING:+forged" in line for line in lines].count(True) == 1
    assert not [line for line in lines if line.startswith(("WARNING:+", "{}", "/count"))]
    assert "\x1b" not in service.out


def test_health_is_503_while_redis_takes_no_writes(server: RunningServer, services: RealServices) -> None:
    eventually(services.healthy, what="the services do not serve")
    server.client.config_set("min-replicas-to-write", 1)
    try:
        eventually(lambda: services.ask("done", "GET", "/health").status == 503, what="health is still 200")
        health = services.ask("done", "GET", "/health")
        read = services.ask("distinct", "GET", "/distinct")
    finally:
        server.client.config_set("min-replicas-to-write", 0)

    detail = "Redis cannot serve now: it has too few replicas"
    assert health.json == {"status": "unavailable", "detail": detail}
    assert read.status == 200
    eventually(services.healthy, what="health stays 503")


def test_a_frozen_broker_holds_up_no_request(server: RunningServer, real_store: Store) -> None:
    trigger = Services(real_store, broker_url=server.url).trigger
    assert body_of(trigger.post("/trigger/done?count=3"), 202)["queued"] is True

    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        body = body_of(trigger.post("/trigger/done?count=3"), 202)
        took = time.monotonic() - began
    finally:
        os.kill(server.process.pid, signal.SIGCONT)

    assert body["queued"] is False
    assert took < AT_MOST_SECONDS
