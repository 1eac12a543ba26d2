"""What hot_routes loads: two builds over one server, each in processes of its own, and webdis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from redis import Redis

from benchmarks import wrk
from benchmarks.dashboard import processor
from benchmarks.waiting import wait_until
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.site import Site
from donebit.addresses import LOOPBACK, address
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.demo.local_http import NoAnswer, ask
from donebit.demo.ports import free_server_port
from donebit.demo.probes import health_is_ok
from donebit.names import EXAMPLE_EVENT
from donebit.store import Store

STEPS, USERS = 1_000_003, 1_000_000
TASK = "hot"


class Load(NamedTuple):
    """What a service did under a load.

    Attributes:
        rate: answers a second
        p99_seconds: the latency that 99 of 100 answers kept
        processor_seconds: that the service took for each answer
    """

    rate: float
    p99_seconds: float
    processor_seconds: float


Loading = Callable[..., Load]


class Build(NamedTuple):
    """A build as it serves: what loads each of its routes."""

    step: Loading
    visit: Loading


class Served(NamedTuple):
    """The two services as they run."""

    done_port: int
    distinct_port: int
    done_process: int
    distinct_process: int


@contextmanager
def serving(client: Redis, folder: Path, prefix: str) -> Iterator[Build]:
    """done_app and distinct_app of a folder, each in one process, with a task and users."""
    fill(Store.on(client, prefix))
    with services(client, folder, prefix) as served:
        yield Build(
            loading("step.lua", served.done_port, served.done_process, TASK, STEPS),
            loading("visit.lua", served.distinct_port, served.distinct_process, USERS),
        )


@contextmanager
def services(client: Redis, folder: Path, prefix: str) -> Iterator[Served]:
    """done_app and distinct_app of a folder, each in one process."""
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
        for name, port in ports.items():
            wait_until(health_is_ok(address(LOOPBACK, port), f"{name}_app"))
        yield Served(*ports.values(), *(process.pid for process in started))
    finally:
        for process in started:
            process.terminate()
            process.wait()


def loading(script: str, port: int, process: int, *arguments: object) -> Loading:
    """What loads one route of a service, which is this process and those that it has started."""

    def load(*, connections: int, seconds: int, rate: float = 0) -> Load:
        url, began = f"http://{LOOPBACK}:{port}", processor.seconds(process)
        found = wrk.run(script, url, arguments, connections=connections, seconds=seconds, rate=rate)
        taken = processor.seconds(process) - began
        return Load(found.rate, found.p99_seconds, taken / (found.rate * seconds))

    return load


def fill(store: Store) -> None:
    """A task without a job, and every other user."""
    settings, now = Settings(), clock.now()
    ttls = TaskTtls(settings.task_ttl, settings.ended_ttl)
    lifecycle.start(store, TaskSpec(STEPS), task_id=TASK, ttls=ttls, max_steps=settings.max_steps)
    ids = np.arange(0, USERS, 2, dtype=np.uint32)
    ingest.record_ids(Site.of(store, settings), EXAMPLE_EVENT, ids, at=now, now=now)


@contextmanager
def webdis(client: Redis) -> Iterator[Loading]:
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
            yield loading("setbit.lua", port, process.pid, USERS)
        finally:
            process.terminate()
            process.wait()


def is_webdis(port: int) -> bool:
    try:
        return ask("GET", f"http://{LOOPBACK}:{port}/PING", 1.0).status == 200
    except NoAnswer:
        return False
