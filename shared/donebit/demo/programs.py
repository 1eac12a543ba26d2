"""The programs of the demo, each with its command and its probe."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial

from donebit.addresses import LOOPBACK, address
from donebit.config import Settings
from donebit.demo.probes import health_has_seen, health_is_ok, redis_answers
from donebit.demo.process import Program
from donebit.demo.server import Server
from donebit.listening import refusal

NAMES = ("trigger", "done", "distinct", "worker", "beat")  # but for the servers

# A warning of the server about a system setting that matters to large servers only.
UNSHOWN_LINES = ("Memory overcommit must be enabled",)


def ports_by_variable(settings: Settings) -> dict[str, int]:
    """Return the services' ports, by the variables that set them."""
    return {
        "TRIGGER_PORT": settings.trigger_port,
        "DONE_PORT": settings.done_port,
        "DISTINCT_PORT": settings.distinct_port,
    }


def embedded(server: Server, lock: int) -> Program:
    """Return the embedded server; it inherits the lock of its data."""
    ready = redis_answers(LOOPBACK, server.port)
    return Program("redis", server.argv, ready, inherits=(lock,), unshown=UNSHOWN_LINES)


def donebit_programs(settings: Settings) -> list[Program]:
    """Return the services, the worker and beat; none needs another one to start."""
    return [
        _service("trigger", settings.host, settings.trigger_port),
        _service("done", settings.host, settings.done_port),
        _service("distinct", settings.host, settings.distinct_port),
        *_celery(address(settings.host, settings.done_port)),
    ]


def _service(name: str, host: str, port: int) -> Program:
    service = f"{name}_app"
    return Program(
        name,
        (sys.executable, "-m", service),
        health_is_ok(address(host, port), service),
        # Another program may have taken the port since it ended.
        refusal=partial(refusal, host, port, f"{name.upper()}_PORT"),
    )


def _celery(done_address: str) -> list[Program]:
    since = datetime.now(UTC)  # the server may remember the worker of an earlier demo
    command = (sys.executable, "-m", "celery", "--app", "done_app.worker", "--quiet")
    worker = (*command, "worker", "--without-mingle", "--without-gossip")
    beat = (*command, "beat")
    return [
        Program("worker", worker, health_has_seen(done_address, "worker", since)),
        # The first sweep comes only after a while.
        Program("beat", beat, health_has_seen(done_address, "sweep", since), awaited=False),
    ]
