"""Another program's server at REDIS_URL, as where a port is mistaken: a sentence and no traceback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.store import Store
from donebit.store.store import SERVICE_TIMEOUT, refuse_unfit
from tests.forked import run_module
from tests.servers import RunningServer

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def url() -> Iterator[str]:
    """As REDIS_URL is, of a server that speaks HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_port}/0"
        server.shutdown()


def test_a_program_refuses_it_at_its_start(url: str) -> None:
    store = Store.at(url, connections=1, timeout=SERVICE_TIMEOUT)

    with pytest.raises(ConfigurationError, match="no Redis server, or one for rediss://"):
        refuse_unfit(store)


def test_to_a_program_that_runs_it_is_an_outage(url: str) -> None:
    store = Store.at(url, connections=1, timeout=SERVICE_TIMEOUT)

    with pytest.raises(StoreUnavailable, match="at REDIS_URL is no Redis server"):
        store.access.tokens()


@pytest.mark.parametrize("command", [["migrate"], ["migrate", "--shard-directories"], ["backup", "copy"]])
def test_a_command_says_what_is_wrong_with_the_setting(url: str, command: list[str], tmp_path: Path) -> None:
    settings = os.environ | {"REDIS_URL": url, "PYTHONPATH": str(REPOSITORY / "shared")}

    ended = run_module("donebit.command_line", command, tmp_path, settings)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: what answers at REDIS_URL is no Redis server")
    assert ended.stderr.count("\n") == 1


def test_a_server_without_tls_is_named_as_one(valkey: RunningServer) -> None:
    url = valkey.url.replace("redis://", "rediss://")

    with pytest.raises(ConfigurationError, match="does not speak TLS, which rediss:// is for: redis:// is"):
        refuse_unfit(Store.at(url, connections=1))


def test_a_server_that_hangs_over_tls_stays_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        store = Store.at(f"rediss://127.0.0.1:{hanging.getsockname()[1]}/0", connections=1)

        with pytest.raises(StoreUnavailable, match=r"^Redis cannot be reached$"):
            refuse_unfit(store)
