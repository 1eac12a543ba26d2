"""A Celery application of the tests in this process, and workers of the same one beside it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from celery.backends.redis import RedisBackend
from redis.connection import AbstractConnection

from tests.servers import RunningServer
from tests.started import REPOSITORY, Started, eventually

Workers = Callable[..., Started]


@pytest.fixture(autouse=True)
def nothing_left_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close each connection that Celery opens, however it lets go of it.

    Of what is left, a socket may be collected before what closes it, which is an error in the test after.
    """
    connections, consumers = (
        noted(monkeypatch, AbstractConnection),
        noted(monkeypatch, RedisBackend.ResultConsumer),
    )
    yield
    for consumer in consumers:
        consumer.subscribed_to.clear()  # or results that are collected later connect to unsubscribe
    for connection in connections:
        connection.disconnect()


def noted(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> list[Any]:
    """Those of a class that are made from now on, in the order in which they are."""
    made: list[Any] = []
    begin = kind.__init__

    def begun(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        made.append(self)

    monkeypatch.setattr(kind, "__init__", begun)
    return made


@pytest.fixture
def project(valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The application, on an empty server."""
    valkey.client.flushall()
    monkeypatch.setenv("TEST_REDIS", valkey.url)
    sys.modules.pop("tests.celery.project", None)
    found = importlib.import_module("tests.celery.project")
    found.app.set_current()
    yield found
    found.app.backend.result_consumer.stop()
    found.app.close()
    valkey.client.flushall()


@pytest.fixture
def celerys(project: ModuleType) -> RedisBackend:
    """Celery's own backend, on the same server."""
    return RedisBackend(app=project.app, url=project.URL)


@contextmanager
def worker(server: RunningServer, folder: Path, *options: str, **environment: str) -> Iterator[Started]:
    """A worker process of the application."""
    command = [sys.executable, "-m", "celery", "-A", "tests.celery.project", "worker", "--loglevel=info"]
    command += ["--without-mingle", "--without-gossip", "--hostname=test@localhost", *options]
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "shared")])
    started = Started(command, folder, TEST_REDIS=server.url, PYTHONPATH=paths, **environment)
    try:
        eventually(lambda: "test@localhost ready" in started.err, 30, what="the worker is not ready")
        yield started
    finally:
        started.end()


@pytest.fixture
def workers(valkey: RunningServer, tmp_path: Path) -> Iterator[Workers]:
    """Starts workers on the server of `project`; each is ended with the test."""
    numbers = count()

    def start(*options: str, **environment: str) -> Started:
        folder = tmp_path / f"worker-{next(numbers)}"
        folder.mkdir()
        return running.enter_context(worker(valkey, folder, *options, **environment))

    with ExitStack() as running:
        yield start
