"""An export that Redis breaks off is not taken for a whole one."""

from __future__ import annotations

import http.client
import os
import signal
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from donebit.addresses import LOOPBACK
from donebit.store.bitmaps import SEGMENT_BITS
from tests.servers import RunningServer, running, valkey_binary
from tests.web.real import RealServices, running_services

# 16 segments are read at once; the zeros before the last one, 25 MB, do not fit into the buffers between.
FAR_APART = [number * SEGMENT_BITS for number in (*range(15), 200, 400)]
TEXTS = 200_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running(valkey_binary(), tmp_path) as server:
        yield server


@pytest.fixture
def services(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    with running_services(tmp_path_factory.mktemp("exports"), server.url) as services:
        yield services


def fill_raw(services: RealServices) -> str:
    services.ask("distinct", "PUT", "/flags/far/users", {"users": FAR_APART})
    return "/flags/far/bitmap?format=raw"


def fill_texts(services: RealServices) -> str:
    for start in range(0, TEXTS, TEXTS // 2):
        users = [f"{number:0180}" for number in range(start, start + TEXTS // 2)]
        assert services.ask("distinct", "POST", "/events/texts", {"users": users}).status == 200
    return "/events/texts/bitmap?format=ids"


@pytest.mark.parametrize("fill", [fill_raw, fill_texts])
def test_an_export_is_broken_off_for_the_client_when_redis_freezes(
    server: RunningServer, services: RealServices, fill: object
) -> None:
    assert callable(fill)
    path = fill(services)
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports["distinct"], timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, None)
        answer.read(1000)

        os.kill(server.process.pid, signal.SIGSTOP)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        os.kill(server.process.pid, signal.SIGCONT)


def test_lines_of_integers_are_read_whole_before_the_first_is_sent(
    server: RunningServer, services: RealServices
) -> None:
    users = struct.pack("<2000000I", *range(0, 6_000_000, 3))
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports["distinct"], timeout=30)) as connection:
        connection.request("PUT", "/flags/many/users", users, {"Content-Type": "application/octet-stream"})
        assert connection.getresponse().read()
        connection.request("GET", "/flags/many/bitmap?format=ids")
        answer = connection.getresponse()
        first = answer.read(4)

        os.kill(server.process.pid, signal.SIGSTOP)
        lines = (first + answer.read()).splitlines()
        os.kill(server.process.pid, signal.SIGCONT)

    assert (len(lines), lines[-1]) == (2_000_000, b"5999997")


def test_results_as_lines_end_with_no_json_when_redis_freezes(
    server: RunningServer, services: RealServices
) -> None:
    task_id = services.ask("trigger", "POST", "/tasks", {"count": 100_000}).json["task_id"]
    for first in range(0, 100_000, 10_000):
        found = [{"step": step, "result": "x" * 100} for step in range(first, first + 10_000)]
        services.ask("done", "POST", f"/tasks/{task_id}/steps", {"results": found})
    with closing(http.client.HTTPConnection(LOOPBACK, services.ports["done"], timeout=10)) as connection:
        connection.request("GET", f"/tasks/{task_id}/results", headers={"Accept": "application/x-ndjson"})
        answer = connection.getresponse()
        answer.read(1000)

        os.kill(server.process.pid, signal.SIGSTOP)
        last = answer.read().splitlines()[-1]
        os.kill(server.process.pid, signal.SIGCONT)

    assert (answer.status, last) == (200, b"broken off: Redis cannot be reached")
