"""Who counts as known at the front door, and what it may do while Redis does not answer."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.store import Store
from tests.servers import RunningServer, running, valkey_binary
from tests.web.held import MIB, answer_to, held, served_in
from tests.web.real import RealServices, running_services
from tests.web.test_front_door import HOLDING, HOST, JSON, MANY, post
from tests.web.test_roles import ADMIN

AT_ONCE_SECONDS = 1.0  # less than a service waits for Redis twice
OUTAGE_KNOWN_SECONDS = 2.0
SETTINGS = {"API_TOKEN": ADMIN, "WEB_THREADS": "8"}


@dataclass(frozen=True, slots=True)
class Callers:
    """The three services, and the headers of callers that each have something else to show."""

    services: RealServices
    server: RunningServer
    heads: dict[str, bytes]

    def port(self, service: str) -> int:
        return self.services.ports[service]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Redis takes connections and answers nothing."""
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with running(valkey_binary(), tmp_path_factory.mktemp("callers-server")) as server:
        folder = tmp_path_factory.mktemp("callers")
        with running_services(folder, server.url, **SETTINGS) as services:
            yield Callers(services, server, heads_of(services, server))


@pytest.fixture
def unread(callers: Callers, tmp_path: Path) -> Iterator[int]:
    """The port of a done_app that is just started: it has to ask Redis about all tokens but API_TOKEN."""
    with running_services(tmp_path, callers.server.url, ("done",), **SETTINGS) as services:
        yield services.ports["done"]


def heads_of(services: RealServices, server: RunningServer) -> dict[str, bytes]:
    store = Store.at(server.url)
    bearers = {"API_TOKEN": ADMIN}
    bearers |= {f"a {role} token": tokens.create(store, f"of-{role}", role)[1] for role in Role}
    heads = {name: f"Authorization: Bearer {token}\r\n".encode() for name, token in bearers.items()}
    port = services.ports["trigger"]
    order = post("/tasks", b'{"count": 5, "task_id": "mine"}', more=JSON + heads["API_TOKEN"] + CLOSED)
    report = json.loads(answer_to(port, order).partition(b"\r\n\r\n")[2])["report_token"]
    heads["a report token"] = f"Authorization: Bearer {report}\r\n".encode()
    form = b"Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n"
    signed_in = answer_to(port, post("/sign-in", f"token={ADMIN}".encode(), more=form))
    cookie = signed_in.partition(b"donebit_session=")[2].partition(b";")[0]
    heads["a session"] = b"Cookie: donebit_session=" + cookie + b"\r\n"
    heads["nothing"] = b""
    heads["a made-up token"] = b"Authorization: Bearer donebit_none\r\n"
    heads["a made-up session"] = b"Cookie: donebit_session=none\r\n"
    return heads


CLOSED = b"Connection: close\r\n"
KNOWN = ["API_TOKEN", "a read token", "a report token", "a session"]
STRANGERS = ["nothing", "a made-up token", "a made-up session"]


def get(path: str, head: bytes) -> bytes:
    return f"GET {path} HTTP/1.1\r\n".encode() + HOST + head + b"\r\n"


def first_of(port: int, sent: bytes) -> bytes:
    """What comes first of an answer on a connection that may stay."""
    with held(port, sent, 1) as (connection,):
        return connection.recv(65536).lower()


@pytest.mark.parametrize("who", [*KNOWN, *STRANGERS])
@pytest.mark.parametrize("service", ["trigger", "done"])
def test_a_caller_with_something_to_show_is_no_stranger(callers: Callers, service: str, who: str) -> None:
    answer = first_of(callers.port(service), get("/health/live", callers.heads[who]))

    assert answer.startswith(b"http/1.1 200 ")
    # Only strangers wait for their turn; their connections are closed, which is what can be seen of it.
    assert (b"\r\nconnection: close\r\n" in answer) is (who in STRANGERS)


@pytest.mark.parametrize(
    ("service", "path", "who"),
    [
        ("trigger", "/tasks", "a read token"),
        ("trigger", "/tasks", "a report token"),
        ("done", "/tasks/another/steps", "a report token"),
        ("distinct", "/flags/f", "a report token"),
        ("distinct", "/events/e", "a read token"),
    ],
)
def test_the_body_of_a_caller_who_may_not_send_it_is_not_read(
    callers: Callers, service: str, path: str, who: str
) -> None:
    answer = answer_to(callers.port(service), post(path, b"", MIB, JSON + callers.heads[who]))

    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_report_token_may_send_bodies(callers: Callers) -> None:
    head = JSON + callers.heads["a report token"] + CLOSED

    steps = answer_to(callers.port("done"), post("/tasks/mine/steps", b'{"steps": [0, 1]}', more=head))
    failure = answer_to(callers.port("done"), post("/tasks/mine/failures", b'{"step": 2}', more=head))

    assert b'"fresh":2' in steps.replace(b" ", b"")
    assert failure.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", HOLDING.values(), ids=HOLDING)
def test_2000_unfinished_requests_do_not_hold_up_strangers_either(callers: Callers, sent: bytes) -> None:
    port = callers.port("trigger")
    with held(port, sent, MANY):
        took = [served_in(port, get(path, b"")) for path in ("/health/live", "/static/shell.css") * 5]

    assert max(took) < 1.5, took


def test_strangers_beyond_those_who_may_wait_are_counted(callers: Callers) -> None:
    port = callers.port("distinct")
    before = crowds(callers, port)
    # Each waits for Redis, so the others wait for their turn.
    with callers.frozen(), held(port, get("/health", b""), 300) as connections:
        refused = connections[-1].recv(65536)

    assert refused.startswith(b"HTTP/1.1 429 ")
    assert crowds(callers, port) > before


def crowds(callers: Callers, port: int) -> float:
    metrics = answer_to(port, get("/metrics", callers.heads["API_TOKEN"] + CLOSED)).decode()
    (line,) = [one for one in metrics.splitlines() if 'refusals_total{reason="crowd"}' in one]
    return float(line.rpartition(" ")[2])


def test_while_redis_does_not_answer_the_operator_is_answered_at_once(callers: Callers, unread: int) -> None:
    head = callers.heads["API_TOKEN"]
    served_in(unread, get("/openapi.json", head))  # the first one has to be made
    with callers.frozen(), ThreadPoolExecutor(40) as pool:
        stuck = [
            pool.submit(took, unread, get("/openapi.json", callers.heads[who]))
            for who in ("a read token", "a report token") * 20
        ]
        live = [served_in(unread, get("/health/live", b"")) for _ in range(5)]
        operator = [served_in(unread, get("/openapi.json", head)) for _ in range(5)]
        unavailable = [one.result() for one in stuck]

    assert max(*live, *operator) < AT_ONCE_SECONDS
    assert {status for status, _ in unavailable} <= {b"503", b"403"}
    assert max(seconds for _, seconds in unavailable) < OUTAGE_KNOWN_SECONDS


def test_report_tokens_are_refused_soon_while_redis_does_not_answer(callers: Callers, unread: int) -> None:
    sent = post("/tasks/mine/steps", b'{"steps": [3]}', more=JSON + callers.heads["a report token"])
    with callers.frozen(), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: took(unread, sent), range(20)))

    assert {status for status, _ in answers} == {b"503"}
    assert max(seconds for _, seconds in answers) < OUTAGE_KNOWN_SECONDS


def took(port: int, sent: bytes) -> tuple[bytes, float]:
    """The status of an answer, and the seconds until it came."""
    began = time.monotonic()
    with held(port, sent, 1) as (connection,):
        status = connection.recv(65536)[9:12]
    return status, time.monotonic() - began


@pytest.mark.parametrize("service", ["trigger", "done", "distinct"])
def test_a_cookie_that_is_no_utf_8_neither_fails_nor_hides_a_session(callers: Callers, service: str) -> None:
    session = callers.heads["a session"].removeprefix(b"Cookie: ")
    ask = b"GET /openapi.json HTTP/1.1\r\n" + HOST + CLOSED + b"Cookie: "

    of_nobody = answer_to(callers.port(service), ask + b"donebit_session=\xe9\r\n\r\n")
    of_another_program = answer_to(callers.port(service), ask + b"name=Andr\xe9; " + session + b"\r\n")

    assert of_nobody.startswith(b"HTTP/1.1 401 ")
    assert of_another_program.startswith(b"HTTP/1.1 200 ")
