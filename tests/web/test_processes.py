"""WEB_PROCESSES: several processes are one service, on one port and in one set of figures."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from donebit.web.process_figures import GONE_AFTER_SECONDS, WRITTEN_EVERY_SECONDS
from tests.servers import RunningServer
from tests.started import Started, eventually
from tests.web.real import RealServices

PROCESSES = 3
VISITS = 60  # each over a connection of its own, which any of the processes may take
LOOKS = 10  # at the figures, of which each is taken by any of them
COUNTED = r"donebit_changes_total\{.*POST /events/<event>.*\} ([\d.]+)"
TIMED = r'donebit_http_request_duration_seconds_count\{.*route="/events/<event>",status="200"\} ([\d.]+)'
RUNNING = r"donebit_service_processes ([\d.]+)"


@pytest.fixture
def started(valkey: RunningServer, tmp_path: Path) -> Iterator[tuple[Started, RealServices]]:
    with running("distinct", valkey, tmp_path) as found:
        yield found


@contextmanager
def running(name: str, valkey: RunningServer, folder: Path) -> Iterator[tuple[Started, RealServices]]:
    port = free_server_port()
    settings = {"WEB_PROCESSES": str(PROCESSES), f"{name.upper()}_PORT": str(port), "REDIS_URL": valkey.url}
    service = Started([sys.executable, "-m", f"{name}_app"], folder, **settings, WEB_THREADS="4")
    services = RealServices({name: port})
    try:
        eventually(services.healthy, 30, what="the service did not start")
        yield service, services
    finally:
        service.end()


def figure(services: RealServices, pattern: str) -> float:
    """A figure, as any of the processes says it; -1 for none."""
    found = re.search(pattern, services.ask("distinct", "GET", "/metrics").body.decode())
    return float(found[1]) if found else -1


def all_say(services: RealServices, pattern: str, value: float) -> bool:
    return {figure(services, pattern) for _ in range(LOOKS)} == {value}


def serving(service: Started) -> set[int]:
    return service.children()


def test_processes_are_one_service_and_a_killed_one_is_replaced(
    started: tuple[Started, RealServices],
) -> None:
    service, services = started
    first = serving(service)
    for user in range(VISITS):
        assert services.ask("distinct", "POST", "/events/e", {"users": [user]}).status == 200
    for pattern in (COUNTED, TIMED):
        found = partial(all_say, services, pattern, VISITS)
        eventually(found, 20, what="the figures are not those of all")
    assert all_say(services, RUNNING, PROCESSES)
    assert figure(services, r"donebit_service_memory_bytes ([\d.e+]+)") > PROCESSES * 1e6

    os.kill(min(first), signal.SIGKILL)
    forgotten_at = time.monotonic() + GONE_AFTER_SECONDS + 2 * WRITTEN_EVERY_SECONDS
    eventually(lambda: len(serving(service) - {min(first)}) == PROCESSES, 20, what="it is not replaced")
    eventually(lambda: time.monotonic() > forgotten_at, 10)
    found = partial(all_say, services, RUNNING, PROCESSES)
    eventually(found, 20, what="the new one does not serve, or the old one still counts")

    assert len(first) == PROCESSES
    assert service.out.count("ERROR: a process of this service has ended") == 1
    assert all_say(services, COUNTED, VISITS)
    assert services.ask("distinct", "POST", "/events/e", {"users": [1]}).json["fresh"] == 0


def test_a_counter_never_falls_whichever_process_is_asked(started: tuple[Started, RealServices]) -> None:
    _, services = started

    said = []
    for user in range(VISITS):
        services.ask("distinct", "POST", "/events/e", {"users": [user]})
        said.append(figure(services, COUNTED))

    assert said == sorted(said)


def test_all_processes_end_with_the_service(started: tuple[Started, RealServices]) -> None:
    service, _ = started

    service.send(signal.SIGTERM)

    assert service.exit_code(20) == 0
    assert "ERROR" not in service.out
    eventually(service.is_gone, what="a process is left")


def test_a_killed_main_process_leaves_none_that_holds_the_port(valkey: RunningServer, tmp_path: Path) -> None:
    with running("done", valkey, tmp_path) as (service, services):
        follower = urllib.request.urlopen(services.url("done", "/events"), timeout=10)
        assert follower.status == 200  # a stream, which would hold a graceful stop up

        service.send(signal.SIGKILL)

        eventually(service.is_gone, 20, what="a process is left")
        follower.close()


def test_a_page_shows_what_another_process_has_just_changed(valkey: RunningServer, tmp_path: Path) -> None:
    with running("trigger", valkey, tmp_path) as (_, services), ExitStack() as watchers:
        for _ in range(4 * PROCESSES):  # some of them of each process, which so reads every other second
            watchers.enter_context(first_lists(services))
        for number in range(8):
            made = {"name": f"s-{number}", "cron": "0 3 * * *", "task": {"count": 1, "job": "demo"}}
            assert services.ask("trigger", "POST", "/schedules", made).status == 201

            with first_lists(services) as shown:
                assert f"s-{number}" in shown


@contextmanager
def first_lists(services: RealServices) -> Iterator[str]:
    """The first message of a stream of the schedules, which any of the processes may send, and stays open."""
    with urllib.request.urlopen(services.url("trigger", "/events/schedules"), timeout=10) as stream:
        yield next(line for line in map(bytes.decode, stream) if line.startswith("data:"))
