"""What is unfit is refused at the start; where the server is away then, before anything is sent to it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.store import Store
from donebit.store.store import refuse_unfit
from tests.servers import RunningServer
from tests.stack import START_SECONDS, ask
from tests.started import Started, eventually

WORKER = (sys.executable, "-m", "celery", "--app", "done_app.worker", "--quiet", "worker")


def test_what_is_unfit_is_held_back_until_it_is_mended(own_server: RunningServer) -> None:
    own_server.client.config_set("maxmemory-policy", "allkeys-lru")
    store = Store.at(own_server.url, only_if_fit=True)

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="this Redis evicts keys when its memory is full"):
            store.heartbeats.last_seen_ms("worker")
    own_server.client.config_set("maxmemory-policy", "noeviction")

    assert store.heartbeats.last_seen_ms("worker") == [None]


def test_a_user_who_may_not_run_scripts_is_refused_at_the_start(own_server: RunningServer) -> None:
    rules = ["reset", "on", ">word", "~*", "&*", "+@all", "-@scripting"]
    own_server.client.execute_command("ACL", "SETUSER", "plain", *rules)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    url = own_server.url.replace("redis://", "redis://plain:word@")

    with pytest.raises(ConfigurationError, match=r"refuses what Donebit needs: .*evalsha"):
        refuse_unfit(Store.at(url, connections=1))


def test_a_worker_that_waits_for_a_server_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    """It may be the first process of a container, which the kernel does not end for it."""
    worker = Started(WORKER, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_server_port()}/0")
    try:
        eventually(lambda: "the worker waits for it" in worker.err, START_SECONDS)
        worker.send(signal.SIGTERM)

        assert worker.exit_code() == 0
    finally:
        worker.end()


def test_programs_that_wait_for_a_server_write_nothing_to_an_older_store(
    own_server: RunningServer, tmp_path: Path
) -> None:
    own_server.client.set("seen:layout", "3 segment_bits=1048448 zone=UTC")
    own_server.end()
    port = free_server_port()
    service_url = f"http://127.0.0.1:{port}"
    environment = {"REDIS_URL": own_server.url, "DONE_PORT": str(port), "API_TOKEN": "", "HOST": ""}
    folders = [tmp_path / name for name in ("service", "worker")]
    for folder in folders:
        folder.mkdir()
    service = Started((sys.executable, "-m", "done_app"), folders[0], **environment)
    worker = Started(WORKER, folders[1], **environment)
    try:
        eventually(lambda: ask("GET", f"{service_url}/health").status == 503, START_SECONDS)
        eventually(lambda: "the worker waits for it" in worker.err, START_SECONDS)
        own_server.start()

        assert worker.exit_code(START_SECONDS) == 2
        assert "in layout 3, and this version writes layout 5" in worker.err
        refused = ask("PUT", f"{service_url}/tasks/a/steps/0")
        assert (refused.status, "run `donebit migrate`" in refused.said["detail"]) == (503, True)
        eventually(lambda: ask("GET", f"{service_url}/health").said["detail"] == refused.said["detail"])
        assert own_server.client.keys() == [b"seen:layout"]
    finally:
        service.end()
        worker.end()
