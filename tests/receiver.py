"""Whoever is told by webhook: a real HTTP server, that answers as a test wants it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from donebit.addresses import LOOPBACK

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA="


@dataclass(frozen=True, slots=True)
class Request:
    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def end(self) -> str:
        """The end that it tells of, as logs name it; signed, and under the id that its headers have."""
        data = self.event["data"]
        assert self.id == self.headers["idempotency-key"] == data["announcement_id"]
        return f"{data['task_id']}.{data['run']}.{data['state']}"

    @property
    def event(self) -> Any:
        """What is told, if it is signed with the secret. Raises WebhookVerificationError if not."""
        return Webhook(SECRET).verify(self.body, self.headers)


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def written(data: bytes) -> Answer:
    """What an HTTP server would not say, and then the end; nothing at all when it is empty."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def silence(handler: BaseHTTPRequestHandler) -> None:
    """No answer, until whoever waits for it has left."""
    with suppress(OSError):
        while handler.connection.recv(1024):
            pass
    handler.close_connection = True


def dripping(begin: bytes, drop: bytes) -> Answer:
    """An answer that never ends, drop by drop, until whoever reads it has left."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.settimeout(0.05)
        with suppress(ConnectionError):
            handler.wfile.write(begin)
            while not _has_left(handler):
                handler.wfile.write(drop)

    return answer


def _has_left(handler: BaseHTTPRequestHandler) -> bool:
    try:
        return not handler.connection.recv(1)
    except TimeoutError:
        return False


@dataclass
class Receiver:
    """Its requests, and how it answers the next ones; the last answer is given again and again."""

    answers: list[Answer] = field(default_factory=lambda: [status(204)])
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    host: str = LOOPBACK
    scheme: str = "http"

    @property
    def url(self) -> str:
        return self.url_at(self.host)

    def url_at(self, host: str) -> str:
        """By another name of its host's."""
        return f"{self.scheme}://{host}:{self.port}/told"

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.requests]

    @property
    def ends(self) -> list[str]:
        return [request.end for request in self.requests]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Request(headers, body, handler.path))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer(handler)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """The other end has left, as some tests have it do."""


@contextmanager
def receiving(
    *answers: Answer,
    host: str = LOOPBACK,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    late_by: float = 0,
) -> Iterator[Receiver]:
    """A receiver that listens, on a port of its own; it begins TLS late by some seconds."""
    receiver = Receiver(list(answers or [status(204)]), host=host, scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            threading.Event().wait(late_by)
            if tls:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_POST(self) -> None:
            receiver.handle(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            del format, args

    server = Server((host, port), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
