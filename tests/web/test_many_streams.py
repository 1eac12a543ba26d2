"""Many clients at once on the real server: what they cost, what they leave to others, and how they go."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from redis import Redis

from donebit.addresses import LOOPBACK
from donebit.web.live import READ_EVERY_SECONDS
from tests.servers import RunningServer, running, valkey_binary
from tests.started import eventually
from tests.web.following import messages, nobody_listens, open_streams, report, start, stream
from tests.web.real import RealServices, running_services

CLIENTS = 200
FEW = 7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("many-server")) as own:
        yield own


@pytest.fixture(scope="module")
def services(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    folder = tmp_path_factory.mktemp("many")
    with running_services(folder, server.url, WEB_THREADS="4") as real:
        yield real


@pytest.fixture(scope="module")
def small(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    folder = tmp_path_factory.mktemp("small")
    with running_services(folder, server.url, WEB_THREADS="2", MAX_STREAMS=str(FEW)) as real:
        yield real


def reads(client: Redis) -> int:
    """How many commands the readers of streams have sent, as the server counts."""
    stats: dict[str, dict[str, int]] = client.info("commandstats")
    return sum(
        stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("hgetall", "zrange", "zrangebyscore")
    )


def a_second(counted: Callable[[], int], enough: int) -> float:
    """How many a second, over as long as it takes for so many."""
    before, began = counted(), time.monotonic()
    eventually(lambda: counted() >= before + enough, 30, what="nothing is read")
    return (counted() - before) / (time.monotonic() - began)


@pytest.mark.parametrize(("all_tasks", "commands"), [(False, 1), (True, 3)])
def test_200_clients_cost_the_server_what_one_does(
    services: RealServices, server: RunningServer, *, all_tasks: bool, commands: int
) -> None:
    task_id = start(services, 1)
    path = "/events" if all_tasks else f"/tasks/{task_id}/events"

    with ExitStack() as clients:
        told = [messages(clients.enter_context(stream(services, "done", path))) for _ in range(CLIENTS)]
        first = [next(one)["state"] for one in told]
        held = open_streams(services)
        rate = a_second(lambda: reads(server.client), 8 * commands)
        looked = services.ask("done", "GET", f"/tasks/{task_id}")
        report(services, task_id, 0, 1)
        last = [next(one)["state"] for one in told]

    assert (first, last) == (["running"] * CLIENTS, ["done"] * CLIENTS)
    assert (held, looked.status) == (CLIENTS, 200)
    # A busy machine reads less often, never more: at most twice what one listener costs.
    assert rate <= 2 * commands / READ_EVERY_SECONDS


def test_clients_that_leave_are_forgotten_even_when_there_is_no_news(services: RealServices) -> None:
    task_id = start(services, 1)
    nobody_listens(services)

    with ExitStack() as clients:
        for _ in range(50):
            next(messages(clients.enter_context(stream(services, "done", f"/tasks/{task_id}/events"))))
        held = open_streams(services)

    assert held == 50
    nobody_listens(services)


def test_too_many_streams_are_refused_and_other_requests_answered(small: RealServices) -> None:
    task_id = start(small, 2)
    path = f"/tasks/{task_id}/events"

    with ExitStack() as clients:
        for _ in range(FEW):
            next(messages(clients.enter_context(stream(small, "done", path))))
        refused = [small.ask("done", "GET", asked) for asked in (path, "/events") * FEW]
        health = small.ask("done", "GET", "/health")

    assert {answer.status for answer in refused} == {503}
    assert refused[0].headers["Content-Type"] == "application/problem+json"
    assert refused[0].headers["Retry-After"]
    assert refused[0].json["detail"].startswith("7 event streams are open, which is the most")
    assert health.status == 200
    report(small, task_id, 0, 1)  # those who have left are noticed
    nobody_listens(small)
    with stream(small, "done", path) as events:
        assert next(messages(events))["done_steps"] == 1


def test_connections_that_idle_beside_the_streams_keep_nobody_out(small: RealServices) -> None:
    nobody_listens(small)
    task_id = start(small, 1)

    with ExitStack() as clients:
        for _ in range(FEW):
            next(messages(clients.enter_context(stream(small, "done", f"/tasks/{task_id}/events"))))
        for _ in range(FEW):  # as a browser's, which keeps them for later
            idle = socket.create_connection((LOOPBACK, small.ports["done"]))
            clients.enter_context(closing(idle))

        assert small.ask("done", "GET", "/health").status == 200
