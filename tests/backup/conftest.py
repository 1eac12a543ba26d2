"""Servers of both kinds: one that is backed up, and one that is restored into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.arranged import fill, take
from tests.conftest import SERVERS
from tests.servers import RunningServer, redis_binary, running, valkey_binary

KINDS = [name for name in SERVERS if name != "fakeredis"]


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningServer]]:
    binaries = {"valkey": valkey_binary(), "redis": redis_binary()}
    started = {}
    for kind in KINDS:
        binary = binaries[kind]
        assert binary is not None
        started[kind] = running(binary, tmp_path_factory.mktemp(f"target-{kind}"))
    yield {kind: server.__enter__() for kind, server in started.items()}
    for server in started.values():
        server.__exit__(None, None, None)


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server of each kind with something of every kind of key."""
    server: RunningServer = request.getfixturevalue("valkey" if request.param == "valkey" else "redis_8")
    fill(server)
    yield server
    server.client.flushall()


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, targets: dict[str, RunningServer]) -> Iterator[RunningServer]:
    """An empty server of each kind."""
    server = targets[request.param]
    server.client.flushall()
    yield server
    server.client.flushall()


@pytest.fixture
def empty(targets: dict[str, RunningServer]) -> Iterator[RunningServer]:
    """An empty server."""
    targets["valkey"].client.flushall()
    yield targets["valkey"]
    targets["valkey"].client.flushall()


@pytest.fixture
def full(valkey: RunningServer) -> Iterator[RunningServer]:
    """A server with something of every kind of key."""
    fill(valkey)
    yield valkey
    valkey.client.flushall()


@pytest.fixture
def backup(full: RunningServer, tmp_path: Path) -> Path:
    """A backup of that server."""
    return take(full, tmp_path / "backup").folder
