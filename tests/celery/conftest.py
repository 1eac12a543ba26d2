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

from tests.servers import RunningServer
from tests.started import REPOSITORY, Started, eventually

Workers = Callable[..., Started]


@pytest.fixture
def project(valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The application, on an empty server."""
    valkey.client.flushall()
    monkeypatch.setenv("TEST_REDIS", valkey.url)
    sys.modules.pop("tests.celery.project", None)
    found = importlib.import_module("tests.celery.project")
    found.app.set_current()
    yield found
    disconnect(found.app.backend)
    found.app.close()
    valkey.client.flushall()


@pytest.fixture
def celerys(project: ModuleType) -> Iterator[RedisBackend]:
    """Celery's own backend, on the same server."""
    backend = RedisBackend(app=project.app, url=project.URL)
    yield backend
    disconnect(backend)


def disconnect(backend: Any) -> None:  # whose types leave out what it has
    """Close what a backend has open; of what it leaves, a socket may be collected before what closes it."""
    backend.result_consumer.stop()
    backend.client.connection_pool.disconnect()


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
