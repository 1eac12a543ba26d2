"""Event streams as a client reads them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from donebit.addresses import LOOPBACK
from donebit.web.live import KEEP_ALIVE_SECONDS
from tests.started import eventually
from tests.web.real import RealServices


@contextmanager
def stream(
    services: RealServices, service: str, path: str, method: str = "GET"
) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports[service], timeout=15)) as connection:
        connection.request(method, path)
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


def open_streams(services: RealServices, service: str = "done") -> float:
    """What the service says of how many it holds."""
    text = services.ask(service, "GET", "/metrics").body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("donebit_event_streams ")]
    return float(line.split()[1])


def nobody_listens(services: RealServices, service: str = "done") -> None:
    """Wait until it is so: who has left is noticed when there is news, or with the next sign of life."""
    eventually(
        lambda: open_streams(services, service) == 0, 2 * KEEP_ALIVE_SECONDS, what="some are still held"
    )
