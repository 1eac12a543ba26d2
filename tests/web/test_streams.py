"""Event streams on the real server, read to their end: by one client, by one that leaves, by a hundred."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from shared.demo.ports import LOOPBACK
from shared.web.live import Feed, Message
from tests.servers import running, valkey_binary
from tests.started import eventually
from tests.web.real import RealServices, running_services

CLIENTS = 100
THREADS = 110  # of each service


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with (
        running(valkey_binary(), tmp_path_factory.mktemp("streams-server")) as server,
        running_services(tmp_path_factory.mktemp("streams"), server.url, WEB_THREADS=str(THREADS)) as real,
    ):
        yield real


@contextmanager
def stream(
    services: RealServices, service: str, path: str, **headers: str
) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports[service], timeout=15)) as connection:
        connection.request("GET", path, headers=headers)
        yield connection.getresponse()


def messages(events: http.client.HTTPResponse) -> Iterator[Any]:
    for line in events:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def start(services: RealServices, count: int) -> str:
    task_id: str = services.ask("trigger", "POST", "/tasks", {"count": count}).json["task_id"]
    return task_id


def report(services: RealServices, task_id: str, start: int, stop: int) -> None:
    answer = services.ask("done", "POST", f"/tasks/{task_id}/steps", {"ranges": [[start, stop]]})
    assert answer.status == 200


def test_a_task_is_told_as_it_is_then_as_it_changes_and_the_last_message_is_its_end(
    services: RealServices,
) -> None:
    task_id = start(services, 4)
    report(services, task_id, 0, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = messages(events)
        first = next(told)
        report(services, task_id, 1, 2)
        second = next(told)
        report(services, task_id, 2, 4)
        rest = list(told)

    assert events.headers["Content-Type"] == "text/event-stream"
    assert events.headers["Cache-Control"] == "no-store"
    assert (first["task_id"], first["state"], first["done_steps"]) == (task_id, "running", 1)
    assert (second["state"], second["done_steps"]) == ("running", 2)
    assert (rest[-1]["state"], rest[-1]["done_steps"]) == ("done", 4)
    assert [message["ended_at"] is None for message in rest] == [True] * (len(rest) - 1) + [False]


def test_a_task_that_has_ended_is_told_once(services: RealServices) -> None:
    task_id = start(services, 1)
    report(services, task_id, 0, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = list(messages(events))

    assert [message["state"] for message in told] == ["done"]


def test_a_task_that_is_deleted_ends_its_streams(services: RealServices) -> None:
    task_id = start(services, 1)

    with stream(services, "done", f"/tasks/{task_id}/events") as events:
        told = messages(events)
        first = next(told)
        services.ask("done", "DELETE", f"/tasks/{task_id}")
        rest = list(told)

    assert (first["state"], rest) == ("running", [])


def test_the_page_is_told_of_new_tasks_and_visits(services: RealServices) -> None:
    with stream(services, "trigger", "/events") as events:
        told = messages(events)
        before = next(told)
        task_id = start(services, 3)
        after = next(
            message for message in told if message["tasks"] and message["tasks"][0]["task_id"] == task_id
        )
        services.ask("distinct", "POST", "/distinct?userId=7")
        visited = next(message for message in told if message["distinct"] == before["distinct"] + 1)

    assert task_id not in [task["task_id"] for task in before["tasks"]]
    assert after["tasks"][0]["state"] == "running"
    assert visited["today"] == before["today"] + 1


def test_a_hundred_clients_follow_one_task_while_others_are_answered(services: RealServices) -> None:
    task_id = start(services, 1)

    def follow(_: int) -> tuple[Any, Any]:
        with stream(services, "done", f"/tasks/{task_id}/events") as events:
            told = messages(events)
            first = next(told)
            joined.append(first)
            return first["state"], list(told)[-1]["state"]

    joined: list[Any] = []
    with ThreadPoolExecutor(CLIENTS) as clients:
        seen = clients.map(follow, range(CLIENTS))
        eventually(lambda: len(joined) == CLIENTS, what="not everybody was told the state now")
        looked = services.ask("done", "GET", f"/tasks/{task_id}")
        report(services, task_id, 0, 1)

    assert looked.status == 200
    assert list(seen) == [("running", "done")] * CLIENTS


def test_clients_that_leave_give_their_threads_back(services: RealServices) -> None:
    task_id = start(services, 100)

    for step in range(3):
        with ExitStack() as clients:
            for _ in range(CLIENTS):
                events = clients.enter_context(stream(services, "done", f"/tasks/{task_id}/events"))
                next(messages(events))
        report(services, task_id, step, step + 1)  # who has left is noticed when there is news

    eventually(lambda: services.ask("done", "GET", "/health").status == 200)


def test_nothing_is_read_for_a_client_that_has_left() -> None:
    asked: list[frozenset[str]] = []

    def read(topics: frozenset[str]) -> dict[str, Message | None]:
        asked.append(topics)
        return {topic: {"topic": topic} for topic in topics}

    feed = Feed(read)
    stays, leaves = feed.stream("stays"), feed.stream("leaves")
    for response in (stays, leaves):
        assert "retry" in next(iter(response.iter_encoded())).decode()
    eventually(lambda: asked[-1:] == [{"stays", "leaves"}])

    leaves.close()

    eventually(lambda: asked[-1] == {"stays"})
    stays.close()
