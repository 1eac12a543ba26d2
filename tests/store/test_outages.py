"""A server away, frozen or refusing: one exception, in time, and all works again when it is back."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.task import Task
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.store import Store
from donebit.store.client import connect
from donebit.store.store import SERVICE_TIMEOUT, refuse_eviction
from tests.completion.arranged import TTLS, now, start
from tests.losing_way import losing_way_to
from tests.servers import RunningServer
from tests.started import eventually
from tests.store.conftest import StoreOn, is_answered

SHORT = timedelta(seconds=0.2)
FAR_BEYOND_SECONDS = 4.0  # on a busy machine too; the client's own patience, left to itself, is 5 s

ASKED: dict[str, Callable[[Store, Task], object]] = {
    "start": lambda store, _: lifecycle.start(store, TaskSpec(2), ttls=TTLS, max_steps=2),
    "look": lambda store, task: lifecycle.get_task(store, task.id),
    "report": lambda store, task: reporting.report(store, task.id, [0]),
    "recount": reporting.recount,
    "cancel": lambda store, task: lifecycle.cancel(store, task.id),
    "delete": lambda store, task: lifecycle.delete(store, task.id),
    "list": lambda store, _: store.task_index.newest(None, 1),
    "pulse": lambda store, _: store.heartbeats.last_seen_ms("worker"),
    "workers": lambda store, _: store.workers.read_reports((), 0, 1),
    "log": lambda store, _: store.worker_log.newest(1),
}


@contextmanager
def frozen(server: RunningServer) -> Iterator[None]:
    """It takes connections, and answers nobody."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_frozen_server_is_unavailable_within_the_patience(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    task, store = start(store_on(own_server)), store_on(own_server, SHORT)

    with frozen(own_server), ThreadPoolExecutor(len(ASKED)) as pool:
        asked = [pool.submit(ask, store, task) for ask in ASKED.values()]
        errors = [answer.exception(FAR_BEYOND_SECONDS) for answer in asked]

    assert [type(error) for error in errors] == [StoreUnavailable] * len(ASKED)


def test_who_waits_for_a_connection_waits_no_longer_than_for_an_answer(valkey: RunningServer) -> None:
    with connect(valkey.url, connections=1, timeout=SHORT) as client, ThreadPoolExecutor(1) as pool:
        taken = client.connection_pool.get_connection()
        asked = pool.submit(Store.on(client).heartbeats.last_seen_ms, "worker")
        try:
            error = asked.exception(FAR_BEYOND_SECONDS)
        finally:
            client.connection_pool.release(taken)

    assert type(error) is StoreUnavailable


def test_a_service_waits_less_than_the_second_it_has_to_answer() -> None:
    assert timedelta(0) < SERVICE_TIMEOUT < timedelta(seconds=1)


@pytest.mark.parametrize("is_silent", [False, True], ids=["closed", "silent"])
def test_a_script_whose_answer_is_lost_is_not_sent_again(
    valkey: RunningServer, real_store: Store, *, is_silent: bool
) -> None:
    task = start(real_store)
    reporting.report(real_store, task.id, [1])  # the server knows the script: once sent, it runs

    with (
        losing_way_to(valkey.port) as way,
        connect(way.url, connections=1, timeout=SHORT) as client,
    ):
        eventually(lambda: is_answered(Store.on(client)), what="the way is not open")
        way.is_silent = is_silent
        way.lose("EVALSHA", times=2)
        with pytest.raises(StoreUnavailable):
            reporting.report(Store.on(client), task.id, [0])

    assert way.times == 1  # of two answers that would have been lost
    eventually(lambda: now(real_store, task).done_steps == 2, what="the script was not run at all")


def test_no_other_command_is_sent_again_when_its_answer_is_lost(
    valkey: RunningServer, real_client: Redis
) -> None:
    with losing_way_to(valkey.port) as way, connect(way.url, connections=1, timeout=SHORT) as client:
        eventually(lambda: is_answered(Store.on(client)), what="the way is not open")
        way.lose("INCR", times=2)
        with pytest.raises(RedisError):
            client.incr("counted")

    eventually(lambda: real_client.exists("counted") == 1, what="the command was not run at all")
    assert real_client.getdel("counted") == b"1"


def test_a_repeated_report_with_the_same_token_gets_the_lost_answer(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    store, hasty = store_on(own_server), store_on(own_server, SHORT)
    task = start(store, 2)
    reporting.report(store, task.id, [0])
    eventually(lambda: is_answered(hasty), what="it is not connected")

    with frozen(own_server), pytest.raises(StoreUnavailable):
        reporting.report(hasty, task.id, [1], token="mine")
    eventually(lambda: now(store, task).ended, what="the report was not run at all")

    assert reporting.report(store, task.id, [1], token="mine").completed_task
    assert not reporting.report(store, task.id, [1], token="another's").completed_task


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_server_that_is_gone_is_unavailable(
    own_server: RunningServer, store_on: StoreOn, ask: Callable[[Store, Task], object]
) -> None:
    store = store_on(own_server)
    task = start(store)
    own_server.end()

    with pytest.raises(StoreUnavailable, match="Redis cannot be reached"):
        ask(store, task)


def test_a_server_that_comes_back_costs_nobody_an_error(own_server: RunningServer, store_on: StoreOn) -> None:
    store = store_on(own_server)
    task = start(store, 16)
    together = threading.Barrier(8)

    def report(step: int) -> int:
        together.wait(10)
        return reporting.report(store, task.id, [step]).fresh

    with ThreadPoolExecutor(8) as pool:
        before = list(pool.map(report, range(8)))  # every connection of the pool is in use once
        own_server.end()
        own_server.start()
        after = list(pool.map(report, range(8, 16)))

    assert (before, after) == ([1] * 8, [1] * 8)
    assert now(store, task).ended


def test_a_server_that_has_lost_its_scripts_gets_them_again(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    store = store_on(own_server)
    task = start(store, 2)
    reporting.report(store, task.id, [0])

    own_server.client.script_flush()

    assert reporting.report(store, task.id, [1]).completed_task


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("requirepass", "secret", "Redis refuses the credentials in REDIS_URL"),
        ("min-replicas-to-write", "1", "Redis cannot serve now: it has too few replicas"),
        ("maxmemory", "1", "Redis cannot serve now: its memory is full"),
    ],
)
def test_a_server_that_refuses_for_now_is_unavailable_and_unchanged(
    own_server: RunningServer, store_on: StoreOn, setting: str, value: str, said: str
) -> None:
    store, operator = store_on(own_server), own_server.client
    task = start(store, 2)
    allowed = str(operator.config_get(setting)[setting])
    operator.config_set(setting, value)

    with pytest.raises(StoreUnavailable, match=said):
        reporting.report(store_on(own_server), task.id, [0])

    operator.config_set(setting, allowed)
    assert now(store, task).done_steps == 0
    assert reporting.report(store, task.id, [0]).fresh == 1


def test_a_replica_takes_no_marks_and_is_unavailable(own_server: RunningServer, store_on: StoreOn) -> None:
    store = store_on(own_server)
    task = start(store, 2)
    nobody = socket.create_server(("127.0.0.1", 0))
    own_server.client.replicaof(*map(str, nobody.getsockname()))

    with nobody, pytest.raises(StoreUnavailable):
        reporting.report(store, task.id, [0])


def test_a_server_busy_with_a_script_without_end_is_unavailable(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    store, operator = store_on(own_server), own_server.client
    task = start(store, 2)
    operator.config_set("busy-reply-threshold", 10)

    def run_for_ever() -> None:
        with Redis(port=own_server.port) as other, pytest.raises(ResponseError, match="killed"):
            other.eval("while true do end", 0)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_for_ever)
        eventually(lambda: is_busy(operator), what="the script does not run")
        try:
            with pytest.raises(StoreUnavailable, match="a script holds it up"):
                reporting.report(store, task.id, [0])
        finally:
            operator.script_kill()
        running.result(FAR_BEYOND_SECONDS)

    assert reporting.report(store, task.id, [0]).fresh == 1


def is_busy(operator: Redis) -> bool:
    try:
        operator.ping()
    except RedisError as error:
        return str(error).startswith("BUSY")
    return False


@pytest.mark.own_keys("donebit:done:{a}:task")
def test_a_mistake_of_ours_is_not_called_an_outage(store: Store, client: Redis) -> None:
    client.set("donebit:done:{a}:task", "no hash")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        lifecycle.get_task(store, "a")


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "redis://localhost:port"])
def test_an_address_of_no_redis_server_is_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        connect(url, connections=1, timeout=SHORT)


@pytest.mark.parametrize("number", [16, 99, 2**31])
def test_a_missing_database_is_named_with_those_that_exist(valkey: RunningServer, number: int) -> None:
    store = Store.at(valkey.url.removesuffix("/0") + f"/{number}", connections=1)

    with pytest.raises(ConfigurationError) as refusal:
        refuse_eviction(store)

    assert refusal.value.detail == f"REDIS_URL names database {number}; this server's databases are 0 to 15"


def test_a_missing_database_is_refused_by_a_server_that_hides_settings(
    own_server: RunningServer,
) -> None:
    own_server.client.execute_command("ACL", "SETUSER", "default", "-config")  # type: ignore[no-untyped-call]  # the library leaves it untyped

    with pytest.raises(ConfigurationError, match="database 16; this server has none of that number"):
        refuse_eviction(Store.at(own_server.url.removesuffix("/0") + "/16", connections=1))
