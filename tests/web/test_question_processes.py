"""Questions are computed by processes beside the service: the same answers, and no process too many."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from redis import Redis

from donebit.demo.ports import free_server_port
from donebit.store import Store
from donebit.web.questions.asking import MOST_AT_ONCE
from tests.distinct_app.test_question_time import DAYS, OTHERS, QUESTIONS
from tests.servers import RunningServer, running, valkey_binary
from tests.started import Started, eventually
from tests.web.real import Answer, RealServices
from tests.web.services import Services

QUESTION = QUESTIONS[0]
EXPIRED = "/query?text=e@1999-01-01"
MEMBERS = [
    f"/events/e/retention/members?granularity=day&row={DAYS[1]}&column=1",
    f"/events/e/lifecycle/members?period={DAYS[1]}&state=returning",
]
FUNNEL = {"steps": [{"event": "e", "period": day} for day in DAYS[:2]]}
POSTS = {"/query": {"text": f"e@{DAYS[0]}"}, "/query/members": {"text": f"e@{DAYS[0]}"}, "/funnel": FUNNEL}
UNTIL_NOW = "at"  # a field that is of the moment


@dataclass(frozen=True, slots=True)
class Running:
    """A distinct_app with users, and the processes that it has."""

    started: Started
    services: RealServices
    client: Redis

    def ask(self, path: str = QUESTION, body: Any = None) -> Answer:
        return self.services.ask("distinct", "GET" if body is None else "POST", path, body)

    @property
    def worker(self) -> int:
        (pid,) = self.started.children()
        return pid

    @property
    def starter(self) -> int:
        """The process that forks those."""
        (pid,) = self.started.children(self.worker)
        return pid

    @property
    def computing(self) -> set[int]:
        """The processes that compute questions."""
        return self.started.children(self.starter)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Redis runs no script meanwhile."""
        self.client.client_pause(20_000, all=False)
        try:
            yield
        finally:
            self.client.client_unpause()

    def waiting(self) -> int:
        """How many questions wait for Redis."""
        return int(self.client.info("clients")["blocked_clients"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("questions-server")) as own:
        yield own


@contextmanager
def distinct(server: RunningServer, folder: Path, **settings: str) -> Iterator[Running]:
    port = free_server_port()
    environment = {"DISTINCT_PORT": str(port), "REDIS_URL": server.url, **settings}
    service = Started([sys.executable, "-m", "distinct_app"], folder, **environment)
    services = RealServices({"distinct": port})
    try:
        eventually(services.healthy, 30, what="the service did not start")
        for day in DAYS[:3]:
            body = {"users": [1, 2_000_000], "at": day}
            assert services.ask("distinct", "POST", "/events/e", body).status == 200
        yield Running(service, services, Redis.from_url(server.url))
    finally:
        service.end()


@pytest.fixture(scope="module")
def one(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with distinct(server, tmp_path_factory.mktemp("questions"), QUESTION_TIMEOUT="2") as found:
        yield found


def test_answers_and_errors_are_those_of_the_service_itself(one: Running, server: RunningServer) -> None:
    itself = Services(Store.at(server.url)).distinct

    for path in [*QUESTIONS, *OTHERS, *MEMBERS]:
        assert told(one.ask(path).json) == told(itself.get(path).get_json()), path
    for path, body in POSTS.items():
        assert told(one.ask(path, body).json) == told(itself.post(path, json=body).get_json()), path

    expired = one.ask(EXPIRED)
    assert expired.status == 422
    assert expired.json["errors"][0]["field"] == "text"
    assert len(one.computing) == 1


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != UNTIL_NOW}


def test_a_killed_process_is_503_and_the_next_question_has_another(one: Running) -> None:
    def killed() -> bool:
        with ThreadPoolExecutor(1) as threads, one.paused():
            asked = threads.submit(one.ask)
            eventually(lambda: one.waiting() or asked.done(), what="no question was asked")
            for process in one.computing:
                os.kill(process, signal.SIGKILL)
            answer = asked.result()
        assert answer.status == 503
        return "the process that computed the answer has ended" in answer.json["detail"]

    eventually(killed, 20, what="Redis was always away for too long before the process was killed")

    assert one.ask().status == 200


def test_a_process_that_does_not_answer_in_time_is_killed(one: Running) -> None:
    assert one.ask().status == 200
    (process,) = one.computing
    os.kill(process, signal.SIGSTOP)

    answer = one.ask()

    assert answer.status == 503
    assert "QUESTION_TIMEOUT" in answer.json["detail"]
    eventually(lambda: process not in one.computing, what="it was not killed")
    assert one.ask().status == 200


def test_a_crowd_of_questions_has_no_more_processes_than_may_be(one: Running) -> None:
    enough = Event()

    def ask_until_there_are() -> set[int]:
        statuses = set()
        while not enough.is_set():  # each answer comes soon, as Redis counts as away
            statuses.add(one.ask().status)
        return statuses

    with ThreadPoolExecutor(MOST_AT_ONCE + 4) as threads, one.paused():
        asked = [threads.submit(ask_until_there_are) for _ in range(MOST_AT_ONCE + 4)]
        try:
            eventually(lambda: len(one.computing) == MOST_AT_ONCE, what="there are too few")
        finally:
            enough.set()
        statuses = set[int]().union(*(each.result() for each in asked))

    assert statuses <= {200, 503}
    assert len(one.computing) <= MOST_AT_ONCE
    assert one.ask().status == 200


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_service(server: RunningServer, tmp_path: Path, ended_by: signal.Signals) -> None:
    with distinct(server, tmp_path) as service:
        assert service.ask().status == 200
        assert service.computing

        os.kill(service.worker, ended_by)

        eventually(service.started.is_gone, what="a process is left")


def test_a_process_that_does_not_begin_leaves_the_question_to_the_service(
    server: RunningServer, tmp_path: Path
) -> None:
    with distinct(server, tmp_path) as service, ThreadPoolExecutor(1) as threads:
        starter = service.starter
        os.kill(starter, signal.SIGSTOP)

        asked = threads.submit(service.ask)
        eventually(lambda: files_on_their_way_to(starter), what="no process was asked for")
        os.kill(starter, signal.SIGKILL)

        assert asked.result().status == 200
        assert "could not be started" in service.started.out


def test_a_question_waits_no_longer_for_a_process_than_for_an_answer(
    server: RunningServer, tmp_path: Path
) -> None:
    with distinct(server, tmp_path, QUESTION_TIMEOUT="0.5") as service:
        os.kill(service.starter, signal.SIGSTOP)
        try:
            answer = service.ask()
        finally:
            os.kill(service.starter, signal.SIGCONT)

        assert answer.status == 503
        assert "QUESTION_TIMEOUT" in answer.json["detail"]
        eventually(lambda: service.ask().status == 200, what="it is not answered again")


def test_a_question_is_not_answered_from_an_older_store(tmp_path: Path) -> None:
    with running(valkey_binary(), tmp_path) as own:
        own.client.set("seen:layout", "3 segment_bits=1048448 zone=UTC")
        own.end()  # so that the service cannot look at its start
        port = free_server_port()
        environment = {"DISTINCT_PORT": str(port), "REDIS_URL": own.url}
        folder = tmp_path / "service"
        folder.mkdir()
        service = Started([sys.executable, "-m", "distinct_app"], folder, **environment)
        services = RealServices({"distinct": port})
        try:
            eventually(lambda: services.answers("distinct"), 30, what="the service did not start")
            own.start()

            answer = services.ask("distinct", "GET", f"/query?text=e@{DAYS[0]}")

            assert (answer.status, "run `donebit migrate`" in answer.json["detail"]) == (503, True)
        finally:
            service.end()


def files_on_their_way_to(process: int) -> int:
    """How many file descriptors wait for a process at its sockets, as Linux counts them."""
    about = "".join(file.read_text() for file in Path(f"/proc/{process}/fdinfo").iterdir())
    return sum(map(int, re.findall(r"^scm_fds:\s*(\d+)$", about, re.MULTILINE)))


def test_without_the_process_that_forks_the_service_computes_itself(
    server: RunningServer, tmp_path: Path
) -> None:
    with distinct(server, tmp_path) as service:
        os.kill(service.starter, signal.SIGKILL)
        eventually(lambda: not service.started.children(service.worker), what="it is a zombie")

        for _ in range(2):
            assert service.ask().status == 200

        assert service.started.out.count("the service computes its questions itself") == 1
