"""The services that the command is run against, and the command."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line.command import Donebit
from tests.receiver import SECRET
from tests.servers import LASTING, RunningServer, running, valkey_binary
from tests.web.real import RealServices, running_services


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that no other test empties."""
    with running(valkey_binary(), tmp_path_factory.mktemp("command_line"), LASTING) as server:
        yield server


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory, own_server: RunningServer) -> Iterator[RealServices]:
    folder = tmp_path_factory.mktemp("command_line_services")
    ends = {"WEBHOOK_HOSTS": "hooks.example.org", "WEBHOOK_SECRET": SECRET, "CALLBACKS": "reports.finished"}
    with running_services(
        folder, own_server.url, API_TOKEN="", HOST="", JOBS="tests.integration.own_jobs", **ends
    ) as services:
        yield services


@pytest.fixture
def donebit(services: RealServices, tmp_path: Path) -> Iterator[Donebit]:
    made = Donebit(services.ports, tmp_path)
    yield made
    made.end()


@pytest.fixture
def name() -> str:
    """A label, task or event that no other test has."""
    return f"n{secrets.token_hex(6)}"
