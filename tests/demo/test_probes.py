"""Probes say no, and never raise, until what they ask for is so."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest

from donebit.demo.greeting import greet
from donebit.demo.local_http import leads_to_itself
from donebit.demo.probes import health_has_seen, health_is_ok, redis_answers

SINCE = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-21T02:59:59.999Z", "2026-11-21T03:00:00.001Z"

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A service that gives every request one answer, and its address."""
    answer: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(str(answer["status"])))
            self.end_headers()
            self.wfile.write(str(answer["body"]).encode())

        def do_POST(self) -> None:
            answer["body"] = json.dumps({"task_id": f"{self.path} {self.headers['Authorization']}"})
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Tests are quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,)).start()

        def at(body: object, status: int = 200) -> str:
            answer.update(status=status, body=body if isinstance(body, str) else json.dumps(body))
            return f"http://127.0.0.1:{service.server_port}"

        yield at
        service.shutdown()


def test_a_service_answers_when_its_health_is_200(serve: Serve) -> None:
    assert health_is_ok(serve({"status": "ok", "service": "done_app"}), "done_app")()


@pytest.mark.parametrize("body", [{"status": "ok", "service": "trigger_app"}, {"status": "ok"}])
def test_another_service_at_its_address_is_no_answer(serve: Serve, body: object) -> None:
    assert not health_is_ok(serve(body), "done_app")()


def test_a_connection_to_itself_is_known(free_port: int) -> None:
    at = ("127.0.0.1", free_port)
    with socket.socket() as own:
        own.bind(at)
        own.connect(at)  # what the kernel may choose by itself where nobody listens

        assert leads_to_itself(own)


def test_a_connection_to_another_is_none_to_itself(serve: Serve) -> None:
    port = urlsplit(serve({})).port or 0
    with socket.create_connection(("127.0.0.1", port)) as connected:
        assert not leads_to_itself(connected)


@pytest.mark.parametrize(("body", "status"), [({"status": "unavailable"}, 503), ("<html>", 200), ("[]", 200)])
def test_any_other_health_is_no_answer(serve: Serve, body: object, status: int) -> None:
    assert not health_is_ok(serve(body, status), "done_app")()


def test_nobody_there_is_no_answer(free_port: int) -> None:
    assert not health_is_ok(f"http://127.0.0.1:{free_port}", "done_app")()
    assert not redis_answers("127.0.0.1", free_port)()


@pytest.mark.parametrize(
    ("worker", "answers"),
    [
        ({"seen": True, "last_seen": AFTER}, True),
        ({"seen": True, "last_seen": BEFORE}, False),  # the worker of the demo before
        ({"seen": False, "last_seen": None}, False),
        ({"seen": True}, False),
        (None, False),
    ],
)
def test_a_worker_answers_once_it_was_seen_since_the_start(
    serve: Serve, worker: object, answers: bool
) -> None:
    probe = health_has_seen(serve({"status": "ok", "service": "done_app", "worker": worker}), "worker", SINCE)

    assert probe() is answers


def test_the_greeting_triggers_a_task_and_activity_with_the_token(serve: Serve) -> None:
    lines = greet(serve({}, 202), "t0ken")

    assert lines == [
        "POST /trigger/done?count=10: 202 /trigger/done?count=10 Bearer t0ken",
        "POST /trigger/distinct?count=20: 202 /trigger/distinct?count=20 Bearer t0ken",
    ]


def test_a_greeting_without_an_answer_is_reported_only(free_port: int) -> None:
    lines = greet(f"http://127.0.0.1:{free_port}", None)

    assert all("no answer" in line for line in lines)
