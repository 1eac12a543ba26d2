"""Sentinels as the way to the store: who is asked, and which connections are used.

tests/faults/torture/test_sentinel.py has failovers under load.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kombu.asynchronous.timer import Timer
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from done_app.worker.reconnect import ConsumerWatchdog
from donebit import queue, redis_url
from donebit.addresses import LOOPBACK
from donebit.config import Settings
from donebit.demo.ports import free_server_ports
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.client import connect
from donebit.store.connections import TRUSTED_SECONDS
from donebit.store.sentinels import Sentinels
from donebit.store.store import SERVICE_TIMEOUT, refuse_unfit
from tests.faults.harness.ground import pass_by
from tests.faults.test_least_privilege import OF_SENTINEL_GROUP, OF_SENTINELS, USER, allow, refused
from tests.faults.test_outage import freeze, thaw
from tests.faults.torture.sentinel_harms import taken_over
from tests.sentinel_group import MASTER, SentinelGroup, sentinel, sentinel_group
from tests.servers import running, valkey_binary
from tests.stack import DONE_SECONDS
from tests.started import eventually

FAILOVER_SECONDS = 80.0  # a Sentinel that a busy machine held up for 2 s does nothing for 30 s (TILT)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[SentinelGroup]:
    (tmp_path / "master").mkdir()
    with (
        running(valkey_binary(), tmp_path / "master") as master,
        sentinel_group(master, tmp_path) as found,
    ):
        yield found


def test_calls_beyond_the_pool_wait_for_a_connection(group: SentinelGroup) -> None:
    waiting = timedelta(seconds=DONE_SECONDS)  # a busy machine may run none of these threads for a second
    store = Store.at(group.url(), connections=1, timeout=waiting)
    failures: list[BaseException] = []

    def ask_often() -> None:
        try:
            for _ in range(50):
                store.heartbeats.beat("worker", 1)
        except StoreUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=ask_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_master_that_was_frozen_is_not_used_when_it_answers_again(group: SentinelGroup) -> None:
    store = Store.at(group.url(), connections=1)
    store.heartbeats.beat("before", 1)  # on the connection that the pool keeps

    freeze(group.first)
    taken_over(group)
    thaw(group.first)
    eventually(group.first.answers)
    store.heartbeats.beat("after", 1)

    assert group.second.client.exists("donebit:heartbeat:before", "donebit:heartbeat:after") == 2


def test_a_call_waits_no_longer_for_a_frozen_master_than_for_the_new_one(group: SentinelGroup) -> None:
    store = Store.at(group.url(), connections=1, timeout=timedelta(seconds=2 * FAILOVER_SECONDS))
    store.heartbeats.beat("before", 1)
    given_up = threading.Event()

    def beat_until_stored() -> None:
        with suppress(StoreUnavailable):  # the call that the old master does not answer
            store.heartbeats.beat("meanwhile", 1)
        given_up.set()

    freeze(group.first)
    threading.Thread(target=beat_until_stored, daemon=True).start()
    taken_over(group)

    assert given_up.wait(FAILOVER_SECONDS / 2)
    store.heartbeats.beat("after", 1)
    assert group.second.client.exists("donebit:heartbeat:after") == 1


def test_a_late_answer_of_a_master_that_was_replaced_does_not_count(group: SentinelGroup) -> None:
    store = Store.at(group.url(), connections=1, timeout=timedelta(seconds=2 * FAILOVER_SECONDS))
    store.heartbeats.beat("before", 1)
    acknowledged: list[bool] = []

    def beat() -> None:
        try:
            store.heartbeats.beat("meanwhile", 1)
            acknowledged.append(True)
        except StoreUnavailable:
            acknowledged.append(False)

    freeze(group.first)
    asking = threading.Thread(target=beat)
    asking.start()
    taken_over(group)
    thaw(group.first)  # which does then what it was asked, and says so
    asking.join(FAILOVER_SECONDS)

    kept = bool(group.second.client.exists("donebit:heartbeat:meanwhile"))
    assert acknowledged in ([kept], [False])


def test_a_read_of_messages_ends_when_another_is_the_master(group: SentinelGroup) -> None:
    app = queue.make_celery(Settings(redis_url=group.url()))
    with app.connection_for_read() as connection, cast(Any, connection.channel()) as channel:
        channel.refuse_former_master()  # who does not read
        channel.client.connection = channel.client.connection_pool.get_connection()
        channel._active_queues.append(queue.CONTROL)
        channel._queue_cycle.update(channel.active_queues)
        channel._brpop_start()
        channel.refuse_former_master()

        freeze(group.first)
        taken_over(group)

        with pytest.raises(NoConnection, match="is not the master any more"):
            look_as_the_worker_does(channel)


def look_as_the_worker_does(channel: Any) -> None:
    """Call all that the worker's watchdog has its timer call, as if it was due."""
    timer = Timer()
    ConsumerWatchdog(None).start(SimpleNamespace(task_consumer=SimpleNamespace(channel=channel), timer=timer))
    for due in list(timer.queue):
        due.entry()


@contextmanager
def in_use(store: Store) -> Iterator[None]:
    """Something is written again and again; what has been silent for a second asks a Sentinel by itself."""
    through = threading.Event()

    def use() -> None:
        while not through.wait(0.05):
            with suppress(StoreUnavailable):
                store.heartbeats.beat("busy", 1)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        through.set()
        thread.join()


def test_connections_in_use_leave_a_master_that_was_replaced_as_asked(group: SentinelGroup) -> None:
    with in_use(Store.at(group.url(), connections=1)):
        group.sentinels()[0].sentinel_failover(MASTER)
        taken_over(group)
        group.second.client.delete("donebit:heartbeat:busy")  # which came from the old one

        # Before the old one is a replica, in ten seconds.
        eventually(lambda: group.second.client.exists("donebit:heartbeat:busy"), 6)


def test_of_sentinels_that_have_vanished_one_is_waited_for() -> None:
    with ExitStack() as opened:
        silent = [opened.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(3)]
        hosts = ",".join(f"{LOOPBACK}:{one.getsockname()[1]}" for one in silent)
        sentinels = Sentinels(redis_url.read(f"redis+sentinel://{hosts}/{MASTER}/0"), {})

        assert not sentinels.name_another((LOOPBACK, 6379))

        assert len(select.select(silent, [], [], 0)[0]) == 1


def test_a_connection_is_used_on_where_no_sentinel_answers(group: SentinelGroup) -> None:
    store = Store.at(group.url(), connections=1)
    store.heartbeats.beat("before", 1)

    for _ in group.sentinels():
        group.end_a_sentinel()
    pass_by(TRUSTED_SECONDS)
    store.heartbeats.beat("after", 1)

    assert group.first.client.exists("donebit:heartbeat:after") == 1


def test_a_replica_that_a_sentinel_names_is_not_used(group: SentinelGroup) -> None:
    group.first.client.replicaof("127.0.0.1", "1")  # as one that was master before, and is still named

    with (
        connect(group.url(), connections=1, timeout=SERVICE_TIMEOUT) as client,
        pytest.raises(NoConnection, match="is not the master"),
    ):
        client.ping()


def test_the_next_sentinel_is_asked_where_one_is_gone(group: SentinelGroup) -> None:
    url = group.url().replace("://", "://127.0.0.1:1,")

    Store.at(url, connections=1).heartbeats.beat("worker", 1)

    assert group.first.client.exists("donebit:heartbeat:worker") == 1


def test_the_sentinel_that_knows_the_last_failover_is_believed(group: SentinelGroup, tmp_path: Path) -> None:
    group.first.end()
    taken_over(group)
    [port] = free_server_ports(1)

    with sentinel(port, group.first.port, tmp_path / "unaware"):
        server = redis_url.read(group.url().replace("://", f"://{LOOPBACK}:{port},"))
        eventually(lambda: Redis(port=port).ping())

        assert Sentinels(server, {}).find_master()[1] == group.second.port


def test_a_sentinel_that_was_silent_is_left_alone_where_another_answers(group: SentinelGroup) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        server = redis_url.read(group.url().replace("://", f"://{LOOPBACK}:{silent.getsockname()[1]},"))
        sentinels = Sentinels(server, {})
        for _ in range(3):
            assert sentinels.find_master()[1] == group.first.port

        silent.accept()[0].close()
        assert select.select([silent], [], [], 0)[0] == []


@pytest.mark.parametrize("part", ["mymaster", "127.0.0.1:"])
def test_a_master_that_is_unknown_is_said_to_be(group: SentinelGroup, part: str) -> None:
    url = group.url().replace(part, "other" if part == "mymaster" else "127.0.0.2:")

    with pytest.raises(StoreUnavailable) as away:
        Store.at(url, connections=1).heartbeats.beat("worker", 1)

    assert "no Sentinel says where the master is" in away.value.in_full


def test_the_documented_user_may_do_what_sentinels_need(group: SentinelGroup) -> None:
    for server in (group.first, group.second):
        allow(server.client, (USER, OF_SENTINEL_GROUP))
    for one in group.sentinels():
        allow(one, (OF_SENTINELS,))
    access = "sentinel_username=donebit&sentinel_password=PASSWORD"
    url = f"{group.url(access='donebit:PASSWORD@')}?{access}"

    refuse_unfit(Store.at(url, connections=1))
    with queue.make_celery(Settings(redis_url=url)) as app:
        app.send_task(queue.SWEEP, queue=queue.CONTROL)

    assert group.first.client.llen("donebit:donebit.control") == 1
    assert [refused(client) for client in (group.first.client, *group.sentinels())] == [[]] * 4
