"""The front door of a real service: whoever has no token holds up nobody, and costs next to nothing."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_port
from donebit.web.body_limits import OF_A_GET
from tests.servers import RunningServer, running, valkey_binary
from tests.started import Started, eventually
from tests.web.held import MIB, Memory, answer_to, held, is_ended, read_all, served_in

TOKEN = "a token of twenty-nine letters"
MANY = 2000
AT_MOST_SECONDS = 1.5  # one second; the rest is room for a busy machine
HOST = b"Host: localhost\r\n"
BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()
WITH_TOKEN = b"GET /metrics HTTP/1.1\r\n" + HOST + BEARER + b"\r\n"
VISIT = b"POST /distinct?userId=7 HTTP/1.1\r\n" + HOST + BEARER + b"\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
JSON = b"Content-Type: application/json\r\n"


def post(path: str, body: bytes, length: int | None = None, more: bytes = JSON) -> bytes:
    """A request with a body, of which more may be announced than is sent."""
    announced = f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + more + announced.encode() + body


HOLDING = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: loc",
    "half a body": post("/tasks", b"{", 1000),
    "half a sign-in": post("/sign-in", b"t", 1000, FORM),
    "half a chunk": b"POST /tasks HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{",
}


@dataclass(frozen=True, slots=True)
class Service:
    started: Started
    port: int

    @property
    def memory(self) -> Memory:
        (child,) = self.started.children()
        return Memory(child)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path_factory.mktemp("front-server")) as own:
        yield own


def start(server: RunningServer, folder: Path, name: str = "trigger", **settings: str) -> Service:
    """Start a service, trigger_app as it has a page, with a token unless the settings say otherwise."""
    port = free_server_port()
    own = {f"{name.upper()}_PORT": str(port), "REDIS_URL": server.url, "API_TOKEN": TOKEN, "BROKER_URL": ""}
    service = Service(Started([sys.executable, "-m", f"{name}_app"], folder, **(own | settings)), port)

    def answers() -> bool:
        try:
            return served_in(port, WITH_TOKEN) >= 0
        except OSError:
            return False

    eventually(answers, 30, what=f"the service did not start: {service.started.err}")
    return service


@pytest.fixture(scope="module")
def service(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    one = start(server, tmp_path_factory.mktemp("front"))
    yield one
    one.started.end()


@pytest.fixture(scope="module")
def hasty(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with short deadlines and few threads."""
    deadlines = {"HEADER_TIMEOUT": "0.5", "BODY_TIMEOUT": "0.5", "WEB_THREADS": "4"}
    one = start(server, tmp_path_factory.mktemp("hasty"), **deadlines)
    yield one
    one.started.end()


@pytest.mark.parametrize("sent", HOLDING.values(), ids=HOLDING)
def test_2000_unfinished_requests_without_a_token_hold_up_none_with(service: Service, sent: bytes) -> None:
    with held(service.port, sent, MANY):
        took = [served_in(service.port, WITH_TOKEN) for _ in range(10)]

    assert max(took) < AT_MOST_SECONDS, took


def test_2000_unfinished_bodies_hold_up_nobody_where_no_token_is_set(
    server: RunningServer, tmp_path: Path
) -> None:
    service = start(server, tmp_path, API_TOKEN="")
    try:
        with held(service.port, HOLDING["half a body"], MANY):
            took = [served_in(service.port, WITH_TOKEN) for _ in range(10)]
    finally:
        service.started.end()

    assert max(took) < AT_MOST_SECONDS, took


@pytest.mark.parametrize(
    ("path", "kind", "number", "size", "status"),
    [("/tasks", JSON, 400, 250_000, b"401"), ("/sign-in", FORM, 20, 30 * MIB, b"413")],
)
def test_nothing_is_buffered_for_callers_without_a_token(
    service: Service, path: str, kind: bytes, number: int, size: int, status: bytes
) -> None:
    memory = service.memory
    memory.forget_peak()
    body = b"x" * (size - 1)  # one byte is left out, so that nothing is done with it

    with held(service.port, post(path, b"", size, kind), number) as connections:
        for connection in connections:
            with suppress(ConnectionError):  # as it should be: the rest is not wanted
                connection.sendall(body)
        answers = [read_all(connection) for connection in connections]

    # A reset may overtake the answer, and of one address no more than 200 wait for theirs.
    assert {answer[9:12] for answer in answers} <= {status, b"429", b""}
    assert memory.grown() < 20 * MIB


@pytest.mark.parametrize(
    ("path", "kind", "size", "status"), [("/tasks", JSON, 1000, b"401"), ("/sign-in", FORM, MIB, b"413")]
)
def test_a_caller_without_a_token_is_answered_before_its_body(
    service: Service, path: str, kind: bytes, size: int, status: bytes
) -> None:
    answer = answer_to(service.port, post(path, b"", size, kind))

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("path", ["/health/live", "/sign-in", "/static/shell.css"])
def test_what_is_open_to_anyone_holds_no_body_of_a_get(service: Service, path: str) -> None:
    sent = post(path, b" " * 1000, OF_A_GET + 1, b"").replace(b"POST", b"GET")

    answer = answer_to(service.port, sent)

    assert answer.startswith(b"HTTP/1.1 4")
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("sent", [HOLDING["nothing"], HOLDING["half a head"]], ids=["nothing", "half a head"])
def test_a_connection_without_a_whole_head_is_closed(hasty: Service, sent: bytes) -> None:
    assert b" 200 " not in answer_to(hasty.port, sent)


@pytest.mark.parametrize("name", ["half a body", "half a chunk"])
def test_a_body_that_does_not_come_is_408_and_changes_nothing(hasty: Service, name: str) -> None:
    sent = HOLDING[name].replace(HOST, HOST + BEARER)

    answer = answer_to(hasty.port, sent)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert b"nothing was changed" in answer


def test_a_large_body_has_more_time_than_a_small_one(hasty: Service) -> None:
    body = b'{"count": 1, "label": "slow"' + b" " * 200_000 + b"}"
    with socket.create_connection((LOOPBACK, hasty.port), timeout=10) as connection:
        connection.sendall(post("/tasks", body[:-1], len(body), JSON + BEARER))
        # The small one begins after it, and has had its time when this returns.
        small = answer_to(hasty.port, HOLDING["half a body"].replace(HOST, HOST + BEARER))
        connection.sendall(body[-1:])

        assert small.startswith(b"HTTP/1.1 408 ")

        assert connection.recv(65536).startswith(b"HTTP/1.1 202 ")


def test_only_http_1_is_spoken(service: Service) -> None:
    answer = answer_to(service.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))

    assert not answer.startswith(bytes([0, 0]))  # a frame of HTTP/2
    assert b" 200 " not in answer


@pytest.mark.parametrize(("token", "kept"), [(BEARER, True), (b"", False)])
def test_a_connection_is_kept_for_callers_with_a_token(service: Service, token: bytes, kept: bool) -> None:
    asked = b"GET /health/live HTTP/1.1\r\n" + HOST + token + b"\r\n"
    with closing(socket.create_connection((LOOPBACK, service.port), timeout=10)) as connection:
        connection.sendall(asked)
        first = connection.recv(65536)
        again = b""
        with suppress(ConnectionError):
            connection.sendall(asked)
            again = connection.recv(65536)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert again.startswith(b"HTTP/1.1 200 ") is kept


def test_more_connections_than_may_be_wait_until_silent_ones_are_closed(
    server: RunningServer, tmp_path: Path
) -> None:
    service = start(server, tmp_path, MAX_CONNECTIONS="20", HEADER_TIMEOUT="1", WEB_THREADS="4")
    try:
        with held(service.port, b"", 100):
            assert served_in(service.port, WITH_TOKEN) < 10
    finally:
        service.started.end()


def test_a_service_stops_soon_though_streams_are_open(server: RunningServer, tmp_path: Path) -> None:
    service = start(server, tmp_path)
    try:
        stream = b"GET /events/done HTTP/1.1\r\n" + HOST + BEARER + b"\r\n"
        with held(service.port, stream, 50) as streams:
            assert {one.recv(15) for one in streams} == {b"HTTP/1.1 200 OK"}
            service.started.send(signal.SIGTERM)
            service.started.exit_code(6)

        assert service.started.is_gone()
    finally:
        service.started.end()


def test_a_taken_port_is_one_sentence_that_names_the_setting(service: Service, tmp_path: Path) -> None:
    environment = {"TRIGGER_PORT": str(service.port), "API_TOKEN": TOKEN}
    second = Started([sys.executable, "-m", "trigger_app"], tmp_path, **environment)
    try:
        code = second.exit_code(20)
        (sentence,) = second.err.splitlines()
    finally:
        second.end()

    assert code == 2
    assert sentence == f"port {service.port} is taken; TRIGGER_PORT can name another"


@pytest.mark.parametrize(("name", "asked"), [("trigger", WITH_TOKEN), ("distinct", VISIT)])
def test_an_address_has_a_quarter_of_the_connections_without_a_token(
    server: RunningServer, tmp_path: Path, name: str, asked: bytes
) -> None:
    service = start(server, tmp_path, name, MAX_CONNECTIONS="40", HEADER_TIMEOUT="60", WEB_THREADS="4")
    try:
        with held(service.port, asked, 15) as known, held(service.port, b"", 25) as silent:
            eventually(lambda: sum(map(is_ended, silent)) == 15, 10, what="too few are ended")
            for one in known:
                one.recv(65536)
                one.sendall(asked)
                assert one.recv(65536)
            metrics = answer_to(service.port, WITH_TOKEN.replace(BEARER, BEARER + b"Connection: close\r\n"))
    finally:
        service.started.end()

    assert b'donebit_refusals_total{reason="connections"} 15.0' in metrics
