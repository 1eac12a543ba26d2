"""A way to a service on which answers get lost, or are a 503 of the way's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from donebit.addresses import LOOPBACK


def _never() -> bool:
    return False


@dataclass
class LossyWay:
    """Passes requests on. Some are refused at once; of others the answer is lost, when all was done.

    While `is_held` says so, no further request is passed on.
    """

    service: str
    url: str = ""
    requests_to_refuse: int = 0
    answers_to_lose: int = 0
    lost_method: str | None = None  # of the requests whose answers are lost; None: of any
    seconds_to_answer: float = 0.0
    is_held: Callable[[], bool] = _never
    keys_sent: list[str | None] = field(default_factory=list)
    tokens_sent: list[str | None] = field(default_factory=list)
    encoding: str = "identity"  # which it says its answers have

    def refuses(self) -> bool:
        self.requests_to_refuse -= 1
        return self.requests_to_refuse >= 0

    def release(self) -> None:
        """Pass all requests on."""
        self.is_held = _never

    def loses(self, method: str) -> bool:
        if self.lost_method not in (None, method):
            return False
        self.answers_to_lose -= 1
        return self.answers_to_lose >= 0


def handler_on(way: LossyWay) -> type[BaseHTTPRequestHandler]:
    http = urllib3.PoolManager(retries=False, timeout=10)

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            way.keys_sent.append(self.headers["Idempotency-Key"])
            way.tokens_sent.append(self.headers["Authorization"])
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            while way.is_held():
                time.sleep(0.01)
            if way.refuses():
                self.say(503, b"away")
                return
            headers = {name: text for name, text in self.headers.items() if name != "Host"}
            answer = http.request(self.command, way.service + self.path, body=body, headers=headers)
            time.sleep(way.seconds_to_answer)
            if not way.loses(self.command):
                self.say(answer.status, answer.data)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - the library's names

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 503:
                self.send_header("Retry-After", "1")  # as done_app's own has it
            self.send_header("Content-Encoding", way.encoding)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    return Handler


@contextmanager
def lossy_way_to(service: str) -> Iterator[LossyWay]:
    way = LossyWay(service)
    with ThreadingHTTPServer((LOOPBACK, 0), handler_on(way)) as server:
        way.url = f"http://{LOOPBACK}:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield way
        way.release()
        server.shutdown()
