"""A failover by Sentinel: services and workers go on with the new master, and every step is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as NoConnection

from donebit import queue
from donebit.completion import lifecycle
from donebit.config import Settings
from donebit.errors import StoreUnavailable
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.client import connect
from donebit.store.store import SERVICE_TIMEOUT, WORKER_TIMEOUT, refuse_unfit
from tests.faults.test_least_privilege import OF_SENTINEL_GROUP, OF_SENTINELS, USER, allow, refused
from tests.faults.test_outage import OutageOf, freeze, kill, thaw
from tests.sentinel_group import SentinelGroup, sentinel_group
from tests.servers import running, valkey_binary
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually
from tests.torture import Healed

FAILOVER_SECONDS = 80.0  # a Sentinel that a busy machine held up for 2 s does nothing for 30 s (TILT)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[SentinelGroup]:
    (tmp_path / "master").mkdir()
    with (
        running(valkey_binary(), tmp_path / "master") as master,
        sentinel_group(master, tmp_path) as found,
    ):
        yield found


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Stack, SentinelGroup]]:
    """Everything, on a server that Sentinels watch, as store and as broker."""
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack")
    try:
        with sentinel_group(stack.server, tmp_path) as found:
            settings = Settings(redis_url=found.url())
            stack._environment["REDIS_URL"] = found.url()
            stack._settings, stack.store = settings, Store.at(found.url(), timeout=WORKER_TIMEOUT)
            stack._celery = queue.make_celery(settings)
            stack.publisher = Publisher(stack._celery)
            stack.start()
            yield stack, found
    finally:
        stack.close()


def is_read(store: Store, task_id: str) -> bool:
    with suppress(StoreUnavailable):
        return lifecycle.get_task(store, task_id).task.id == task_id
    return False


@pytest.mark.timeout(240)
@pytest.mark.parametrize("outage", [kill, freeze])
def test_a_failover_under_load_loses_no_step(
    watched: tuple[Stack, SentinelGroup], tmp_path: Path, outage: OutageOf, healed: Healed
) -> None:
    stack, found = watched
    runs = tmp_path / "runs"
    runs.mkdir()
    reported = stack.create(100_000)
    task_id = stack.create(600, job="note", params={"folder": str(runs), "pause_ms": 20}, batch=30)
    stack.await_progress(task_id, 40)
    acknowledged: list[int] = []
    assert ask("PUT", f"{stack.done}/tasks/{reported}/steps/0").status == 200

    outage(stack.server)
    began = time.monotonic()
    statuses: set[int] = set()

    def is_served() -> bool:
        step = len(acknowledged) + 1
        answer = ask("PUT", f"{stack.done}/tasks/{reported}/steps/{step}")
        statuses.add(answer.status)
        if answer.status == 200:
            acknowledged.append(step)
        return answer.status == 200

    eventually(is_served, FAILOVER_SECONDS, what="no failover")
    seconds = time.monotonic() - began
    eventually(lambda: is_read(stack.store, task_id), DONE_SECONDS, what="no failover for one process")
    thaw(stack.server)
    stack.await_told(task_id, swept=True)

    healed(seconds)
    assert statuses <= {200, 503}
    assert found.master_port() == found.second.port
    assert {int(one.name) for one in runs.iterdir()} == set(range(600))
    assert set(stack.told(task_id)) == {f"{task_id}.1.done"}
    assert ask("GET", f"{stack.done}/tasks/{reported}/missing").said["missing_steps"] == 99_998


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


@pytest.mark.parametrize("part", ["mymaster", "127.0.0.1:"])
def test_a_master_that_is_unknown_is_said_to_be(group: SentinelGroup, part: str) -> None:
    url = group.url().replace(part, "other" if part == "mymaster" else "127.0.0.2:")

    with pytest.raises(StoreUnavailable) as away:
        Store.at(url, connections=1).heartbeats.beat("worker", 1)

    assert "no Sentinel says where the master is" in away.value.in_full


def test_the_documented_user_may_do_what_sentinels_need(group: SentinelGroup) -> None:
    for server in (group.first, group.second):
        allow(server.client, (USER, OF_SENTINEL_GROUP))
    for sentinel in group.sentinels():
        allow(sentinel, (OF_SENTINELS,))
    access = "sentinel_username=donebit&sentinel_password=PASSWORD"
    url = f"{group.url(access='donebit:PASSWORD@')}?{access}"

    refuse_unfit(Store.at(url, connections=1))
    with queue.make_celery(Settings(redis_url=url)) as app:
        app.send_task(queue.SWEEP, queue=queue.CONTROL)

    assert group.first.client.llen("donebit:donebit.control") == 1
    assert [refused(client) for client in (group.first.client, *group.sentinels())] == [[]] * 4
