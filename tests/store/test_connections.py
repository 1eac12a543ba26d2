"""Connections that lead to the wrong server, or nowhere: given up, and nothing is sent twice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as NoConnection

from donebit.addresses import LOOPBACK
from donebit.completion import reporting
from donebit.errors import StoreUnavailable
from donebit.store import Store, connections
from donebit.store.client import connect
from donebit.store.connections import KEEPALIVE, TRUSTED_SECONDS, BrokerTcpConnection
from donebit.store.store import SERVICE_TIMEOUT, WORKER_TIMEOUT
from donebit.workers.write_probe import WriteProbe
from tests.completion.arranged import now, start
from tests.faults.test_outage import freeze
from tests.redis_way import Way, way_to
from tests.servers import RunningServer, running, valkey_binary
from tests.started import eventually
from tests.store.conftest import is_answered

CALLERS = 20
FAR_BEYOND_SECONDS = 5.0  # on a busy machine too; the kernel's own limit is 16 minutes


@pytest.fixture
def new_primary(tmp_path: Path) -> Iterator[RunningServer]:
    folder = tmp_path / "new"
    folder.mkdir()
    with running(valkey_binary(), folder) as server:
        yield server


@pytest.fixture
def way(own_server: RunningServer) -> Iterator[Way]:
    with way_to(own_server.port) as way:
        yield way


@pytest.fixture
def store(way: Way) -> Iterator[Store]:
    """Its callers wait for as long as a machine may stand still that runs others beside them."""
    with connect(way.url, connections=CALLERS, timeout=WORKER_TIMEOUT) as client:
        yield Store.on(client)


def in_use_at_once(store: Store, callers: int = CALLERS) -> None:
    """Have every connection of the pool open."""
    together = threading.Barrier(callers)

    def ask(_: int) -> None:
        together.wait(10)
        for _ in range(20):
            store.heartbeats.last_seen_ms("worker")

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(ask, range(callers)))


def fail_over(way: Way, old: RunningServer, new: RunningServer) -> None:
    """What a managed Redis does: the replica becomes the primary, and only new connections reach it."""
    new.client.replicaof(old.url.rpartition(":")[0].removeprefix("redis://"), str(old.port))
    wait_for_copy(new)
    new.client.replicaof("NO", "ONE")
    old.client.replicaof("127.0.0.1", str(new.port))
    way.port = new.port


def wait_for_copy(replica: RunningServer) -> None:
    deadline = time.monotonic() + 30
    while replica.client.info("replication")["master_link_status"] != "up":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_refused_write_moves_every_connection_to_the_new_primary(
    own_server: RunningServer, new_primary: RunningServer, way: Way, store: Store
) -> None:
    task = start(store, CALLERS)
    in_use_at_once(store)
    fail_over(way, own_server, new_primary)

    with pytest.raises(StoreUnavailable, match="it takes no writes"):
        reporting.report(store, task.id, [0])
    with ThreadPoolExecutor(CALLERS) as pool:
        fresh = list(pool.map(lambda step: reporting.report(store, task.id, [step]).fresh, range(CALLERS)))

    assert fresh == [1] * CALLERS
    assert now(store, task).ended


def test_a_message_that_waits_is_left_to_its_subscriber(
    valkey: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 0.0)
    with connect(valkey.url, connections=2, timeout=WORKER_TIMEOUT) as client, client.pubsub() as subscriber:
        subscriber.subscribe("news")
        subscriber.parse_response()
        client.publish("news", "first")
        eventually(subscriber.connection.can_read)

        subscriber.connection.connect()  # as redis-py does before each blocking read

        message = subscriber.get_message(timeout=0)
        assert message is not None
        assert message["data"] == b"first"


@pytest.mark.parametrize(
    "answer", ["MASTERDOWN Link with MASTER is down", "UNBLOCKED force unblock", "READONLY x"]
)
def test_an_answer_that_leads_elsewhere_ends_its_connection(answer: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        accepted = stack.enter_context(ThreadPoolExecutor(1)).submit(refuse_then_answer, server, answer)
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        store = Store.on(stack.enter_context(connect(url, connections=1, timeout=WORKER_TIMEOUT)))

        with suppress(Exception):  # how it is called is not what this test is about
            store.heartbeats.last_seen_ms("worker")

        assert store.heartbeats.last_seen_ms("worker") == [None]
        assert accepted.result(10) == 2


def refuse_then_answer(server: socket.socket, refusal: str) -> int:
    """Refuse on the first connection, answer on any later one; how many there were."""
    first, _ = server.accept()
    with first:
        first.recv(65536)
        first.sendall(b"-ERR unknown command 'HELLO'\r\n")
        first.recv(65536)
        first.sendall(f"-{refusal}\r\n".encode())
        server.settimeout(5)
        second, _ = server.accept()
        with second:
            second.recv(65536)
            second.sendall(b"*1\r\n$-1\r\n")
    return 2


def test_connections_dropped_while_idle_cost_no_caller_an_error(way: Way, store: Store) -> None:
    task = start(store, CALLERS)
    in_use_at_once(store)
    opened = len(way.lines)
    way.idle_limit_seconds = TRUSTED_SECONDS
    time.sleep(TRUSTED_SECONDS * 1.2)  # what is tested is a pause itself

    with ThreadPoolExecutor(CALLERS) as pool:
        fresh = list(pool.map(lambda step: reporting.report(store, task.id, [step]).fresh, range(CALLERS)))

    assert fresh == [1] * CALLERS
    assert len(way.lines) > opened, "no connection was dropped"
    assert now(store, task).ended


def test_a_connection_that_is_idle_and_alive_is_used_again(
    way: Way, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PONG_SECONDS", 10.0)  # how soon it answers is not in question
    in_use_at_once(store, 1)
    opened = len(way.lines)
    time.sleep(TRUSTED_SECONDS * 1.2)  # as above

    store.heartbeats.last_seen_ms("worker")

    assert len(way.lines) == opened


def test_a_call_on_a_silent_server_ends_by_itself_after_a_pause(way: Way) -> None:
    with connect(way.url, connections=1, timeout=SERVICE_TIMEOUT) as client, ThreadPoolExecutor(1) as pool:
        store = Store.on(client)
        eventually(lambda: is_answered(store), what="the server does not answer")
        way.cut_off()
        time.sleep(TRUSTED_SECONDS * 1.2)  # as above

        error = pool.submit(store.heartbeats.last_seen_ms, "worker").exception(FAR_BEYOND_SECONDS)

    assert type(error) is StoreUnavailable


def test_a_broker_that_owes_a_pong_is_given_up_before_a_command(own_server: RunningServer) -> None:
    connection = BrokerTcpConnection(
        host=LOOPBACK,
        port=own_server.port,
        socket_timeout=WORKER_TIMEOUT.total_seconds(),
        health_check_interval=TRUSTED_SECONDS,
    )
    connection.connect()
    freeze(own_server)
    time.sleep(TRUSTED_SECONDS * 1.2)  # as above

    with pytest.raises(NoConnection, match="the broker does not answer"):
        connection.send_command("BRPOP", "queue", 1)  # type: ignore[no-untyped-call]  # the library leaves it untyped

    assert not connection.is_connected


def test_the_kernel_is_asked_to_notice_a_host_that_vanishes(way: Way) -> None:
    with connect(way.url, connections=1, timeout=WORKER_TIMEOUT) as client:
        connection = client.connection_pool.get_connection()
        made = connection._sock
        options = {name: made.getsockopt(socket.IPPROTO_TCP, name) for name in KEEPALIVE}
        client.connection_pool.release(connection)

    assert KEEPALIVE
    assert options == KEEPALIVE


def test_a_check_of_writes_fails_on_a_replica_and_repeats_its_answer(
    own_server: RunningServer, way: Way, store: Store
) -> None:
    checked = WriteProbe(store)
    own_server.client.replicaof("127.0.0.1", "1")

    with pytest.raises(StoreUnavailable):
        checked.check()
    own_server.client.replicaof("NO", "ONE")
    with pytest.raises(StoreUnavailable):
        checked.check()  # of this second

    WriteProbe(store).check()
    assert way.lines
