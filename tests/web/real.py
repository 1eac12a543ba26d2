"""The three services as the processes that they are, on a server that a test may freeze."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from donebit.addresses import LOOPBACK
from tests.ports import named_ports
from tests.started import Started, eventually
from tests.web.services import NAMES


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class RealServices:
    ports: dict[str, int]

    def url(self, service: str, path: str = "") -> str:
        return f"http://{LOOPBACK}:{self.ports[service]}{path}"

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        asked = urllib.request.Request(self.url(service, path), data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=10) as reply:
                return Answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def answers(self, service: str) -> bool:
        """Whether it answers, whatever Redis does."""
        try:
            return self.ask(service, "GET", "/health/live").status == 200
        except OSError:
            return False

    def healthy(self) -> bool:
        try:
            return all(self.ask(name, "GET", "/health").status == 200 for name in self.ports)
        except OSError:
            return False


@contextmanager
def running_services(
    folder: Path, redis_url: str, names: Sequence[str] = tuple(NAMES), **environment: str
) -> Iterator[RealServices]:
    """The services of these names, on ports of their own."""
    ports = named_ports(names)
    settings = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
    settings |= {"REDIS_URL": redis_url, "BROKER_URL": "", "WEB_THREADS": "32", **environment}
    started = [Started([sys.executable, "-m", f"{name}_app"], folder, **settings) for name in names]
    try:
        services = RealServices(ports)
        eventually(services.healthy, 30, what="the services did not start")
        yield services
    finally:
        for one in started:
            one.end()
