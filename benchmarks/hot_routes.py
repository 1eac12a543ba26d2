"""`python -m benchmarks.hot_routes [REV [ROUNDS [SECONDS]]]`: single reports and visits over HTTP, by wrk.

This build and that of REV (by default the one of before.txt) serve side by side, each in one process over the
same server, and are loaded in turns; which goes first alternates. It prints, for 16 and 64 connections, the
medians of the answers a second, and the ratio of the two builds with a 95 % interval; then the latency that
99 of 100 answers keep at 0.7 of the earlier build's best rate. webdis, where it is installed,
stands beside them: one bare SETBIT by HTTP.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from redis import Redis

from benchmarks import wrk
from benchmarks.against import REPOSITORY, Interval, checked_out, interval
from benchmarks.figures import Figure, duration, table
from benchmarks.own_server import own_server
from benchmarks.waiting import wait_until
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.site import Site
from donebit.addresses import LOOPBACK
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.demo.local_http import NoAnswer, ask
from donebit.demo.ports import free_server_port
from donebit.names import EXAMPLE_EVENT
from donebit.store import Store

ROUNDS, SECONDS = 5, 10
BOUNDS = {16: 4.0, 64: 5.0}  # times the answers a second of before, by connections
PACED_CONNECTIONS, SHARE, P99_BOUND = 64, 0.7, 0.5
STEPS, USERS = 1_000_003, 1_000_000
TASK = "hot"
BEFORE = Path(__file__).parent / "before.txt"

Load = Callable[..., wrk.Load]


class Build(NamedTuple):
    """A build as it serves: what loads each of its routes."""

    step: Load
    visit: Load


def measure(revision: str, rounds: int, seconds: int) -> list[Figure]:
    """The rows: a figure each for rates, ratios and latencies."""
    with own_server() as client, checked_out(revision) as folder, ExitStack() as stack:
        old = stack.enter_context(serving(client, folder, "before:"))
        new = stack.enter_context(serving(client, REPOSITORY, "now:"))
        figures = [
            figure
            for route in Build._fields
            for figure in of_route(getattr(new, route), getattr(old, route), route, rounds, seconds)
        ]
        if shutil.which("webdis"):
            load = stack.enter_context(webdis(client))
            figures += [of_webdis(load, connections, seconds) for connections in BOUNDS]
    return figures


def of_route(new: Load, old: Load, route: str, rounds: int, seconds: int) -> Iterator[Figure]:
    """The rows of one route."""
    name = {"step": "PUT /tasks/{id}/steps/{n}", "visit": "POST /distinct"}[route]
    best = 0.0
    for connections, bound in BOUNDS.items():
        found = in_turns(new, old, rounds, connections=connections, seconds=seconds)
        rates = [[load.rate for load in loads.values()] for loads in found]
        best = max(best, median(rates[1]))
        what = f"{name}, {connections} connections"
        ratio = interval(*({at: load.rate for at, load in loads.items()} for loads in found))
        yield row(what, [f"{median(one):,.0f}/s" for one in rates], ratio, bound, at_least=True)
    found = in_turns(new, old, rounds, connections=PACED_CONNECTIONS, seconds=seconds, rate=SHARE * best)
    p99 = [duration(median(load.p99_seconds for load in loads.values())) for loads in found]
    ratio = interval(*({at: load.p99_seconds for at, load in loads.items()} for loads in found))
    yield row(f"the same at {SHARE * best:,.0f}/s: p99", p99, ratio, P99_BOUND, at_least=False)


def in_turns(
    new: Load, old: Load, rounds: int, **load: float
) -> tuple[Mapping[int, wrk.Load], Mapping[int, wrk.Load]]:
    """What both did under a load, by round."""
    found: tuple[dict[int, wrk.Load], dict[int, wrk.Load]] = ({}, {})
    for number in range(rounds):
        order = ((new, found[0]), (old, found[1]))
        for build, loads in order if number % 2 else reversed(order):
            loads[number] = build(**load)
    return found


def row(
    what: str, measured: Sequence[str], ratio: Interval | None, bound: float, *, at_least: bool
) -> Figure:
    """A row of the table; its ratio has an interval."""
    assert ratio is not None
    holds = ratio.ratio >= bound if at_least else ratio.ratio <= bound
    return Figure(
        what,
        measured[0],
        f"{measured[1]} (before)",
        f"{ratio.ratio:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]",
        f"{'at least' if at_least else 'at most'} {bound}x",
        holds,
    )


def of_webdis(load: Load, connections: int, seconds: int) -> Figure:
    """A row without a bound."""
    rate = load(connections=connections, seconds=seconds).rate
    return Figure(f"webdis, one bare SETBIT, {connections} connections", f"{rate:,.0f}/s")


@contextmanager
def serving(client: Redis, folder: Path, prefix: str) -> Iterator[Build]:
    """done_app and distinct_app of a folder, each in one process, with a task and users."""
    server = f"redis://{LOOPBACK}:{client.connection_pool.connection_kwargs['port']}/0"
    ports = {"done": free_server_port(), "distinct": free_server_port()}
    settings = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environment = {
        **os.environ,
        **settings,
        "REDIS_URL": server,
        "KEY_PREFIX": prefix,
        "PYTHONPATH": os.pathsep.join(map(str, (folder, folder / "shared"))),
    }
    fill(Store.on(client, prefix))
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"{name}_app"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ports
    ]
    try:
        for port in ports.values():
            wait_until(lambda: is_healthy(port))  # noqa: B023 - called at once
        yield Build(
            loaded("step.lua", ports["done"], TASK, STEPS), loaded("visit.lua", ports["distinct"], USERS)
        )
    finally:
        for process in started:
            process.terminate()
            process.wait()


def loaded(script: str, port: int, *arguments: object) -> Load:
    """What loads one route of a service."""

    def load(*, connections: int, seconds: int, rate: float = 0) -> wrk.Load:
        url = f"http://{LOOPBACK}:{port}"
        return wrk.run(script, url, arguments, connections=connections, seconds=seconds, rate=rate)

    return load


def fill(store: Store) -> None:
    """A task without a job, and every other user."""
    settings, now = Settings(), clock.now()
    ttls = TaskTtls(settings.task_ttl, settings.ended_ttl)
    lifecycle.start(store, TaskSpec(STEPS), task_id=TASK, ttls=ttls, max_steps=settings.max_steps)
    ids = np.arange(0, USERS, 2, dtype=np.uint32)
    ingest.record_ids(Site.of(store, settings), EXAMPLE_EVENT, ids, at=now, now=now)


def is_healthy(port: int) -> bool:
    try:
        return ask("GET", f"http://{LOOPBACK}:{port}/health", 1.0).status == 200
    except NoAnswer:
        return False


@contextmanager
def webdis(client: Redis) -> Iterator[Load]:
    """webdis with two threads, over the client's server."""
    port = free_server_port()
    settings = {
        "redis_host": LOOPBACK,
        "redis_port": client.connection_pool.connection_kwargs["port"],
        "http_host": LOOPBACK,
        "http_port": port,
        "threads": 2,
        "daemonize": False,
        "verbosity": 0,
        "logfile": os.devnull,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "webdis.json"
        file.write_text(json.dumps(settings))
        process = subprocess.Popen(
            ["webdis", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: is_webdis(port))
            yield loaded("setbit.lua", port, USERS)
        finally:
            process.terminate()
            process.wait()


def is_webdis(port: int) -> bool:
    try:
        return ask("GET", f"http://{LOOPBACK}:{port}/PING", 1.0).status == 200
    except NoAnswer:
        return False


def main(arguments: Sequence[str]) -> int:
    """Print the rows; 1 if a bound does not hold, 2 where wrk is missing."""
    if not wrk.is_installed():
        sys.stderr.write("wrk is not installed (Debian: apt-get install wrk webdis)\n")
        return 2
    defaults = (BEFORE.read_text().strip(), str(ROUNDS), str(SECONDS))
    revision, rounds, seconds = (*arguments, *defaults[len(arguments) :])
    figures = measure(revision, int(rounds), int(seconds))
    print(table(figures))
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
