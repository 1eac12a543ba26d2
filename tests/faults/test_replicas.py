"""WAIT_REPLICAS: what was acknowledged outlives a primary whose replica was behind, and workers go on.

Each fault is done to real servers, and what is left is compared with what a plain set holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from donebit.completion import lifecycle, missing
from donebit.completion.reporting import report
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from donebit.workers import replicas
from tests.activity.arranged import count, record
from tests.clusters import cluster_of
from tests.completion.arranged import start
from tests.faults.test_outage import freeze, thaw
from tests.replicas import is_copied, replica_of
from tests.sentinel_group import sentinel_group
from tests.servers import RunningServer, running, valkey_binary
from tests.stack import Stack
from tests.started import eventually
from tests.web.real import RealServices, running_services

STEPS = 1000
FAILOVER_SECONDS = 80.0  # as in test_sentinel.py
AT_MOST_SECONDS = 1.5  # replicas are waited for 0.5 s; the rest is room for a busy machine
WANTED = [1, 0]  # replicas


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RunningServer]:
    (tmp_path / "primary").mkdir()
    with running(valkey_binary(), tmp_path / "primary") as server:
        yield server


@pytest.fixture
def replica(primary: RunningServer, tmp_path: Path) -> Iterator[RunningServer]:
    with replica_of(primary, tmp_path / "replica") as server:
        eventually(lambda: is_copied(server), 30, what="the replica did not get the data")
        yield server


def cut_off(replica: RunningServer, primary: RunningServer) -> None:
    """Let a replica get nothing more, not even what the systems between the two still hold."""
    freeze(replica)
    primary.client.client_kill_filter(_type="replica")


def acknowledged(store: Store, task_id: str, steps: Iterable[int]) -> set[int]:
    """Report steps; those of them that were acknowledged."""
    kept = set()
    for step in steps:
        with suppress(StoreUnavailable):
            report(store, task_id, [step])
            kept.add(step)
    return kept


def reported(store: Store, task_id: str, steps: Iterable[int]) -> set[int]:
    """Report steps, each until it is acknowledged: a busy machine may have a replica confirm one too late."""
    wanted, kept = set(steps), set[int]()

    def all_are() -> bool:
        kept.update(acknowledged(store, task_id, sorted(wanted - kept)))
        return kept == wanted

    eventually(all_are, what="they are not acknowledged")
    return kept


def is_there(store: Store, task_id: str) -> bool:
    with suppress(StoreUnavailable):
        return lifecycle.get_task(store, task_id).task.id == task_id
    return False


def is_confirmed(store: Store, task_id: str) -> bool:
    """Whether replicas have what this thread finds of a task."""
    replicas.begin(store)
    lifecycle.get_task(store, task_id)
    try:
        replicas.confirm(store)
    except StoreUnavailable:
        return False
    return True


def done_steps(store: Store, task_id: str) -> set[int]:
    task = lifecycle.get_task(store, task_id).task
    gaps = missing.iterate(store, task, 0, task.count)
    return set(range(task.count)).difference(*(range(*gap) for gap in gaps))


def report_around_a_cut(
    store: Store, task_id: str, primary: RunningServer, replica: RunningServer
) -> tuple[set[int], set[int]]:
    """Report before and after a replica is cut off; what was acknowledged of both."""
    before = reported(store, task_id, range(50))
    primary.client.wait(1, 5000)
    cut_off(replica, primary)
    return before, acknowledged(store, task_id, range(50, 53))


@pytest.mark.parametrize("wanted", WANTED)
def test_a_replica_that_was_behind_has_all_that_was_acknowledged(
    primary: RunningServer, replica: RunningServer, wanted: int
) -> None:
    patient = Store.at(primary.url, timeout=WORKER_TIMEOUT)
    store = Store.at(primary.url, replicas=wanted, timeout=WORKER_TIMEOUT)
    task_id = start(patient, STEPS).id
    record(patient, range(1000))

    before, after = report_around_a_cut(store, task_id, primary, replica)
    with suppress(StoreUnavailable):
        record(store, [5000])
    primary.end()
    thaw(replica)
    replica.client.replicaof("NO", "ONE")

    left = Store.at(replica.url, timeout=WORKER_TIMEOUT)
    assert before == set(range(50))
    assert after == (set() if wanted else {50, 51, 52})
    # Without WAIT_REPLICAS what is lost is all of the time that the replica was cut off, and nothing else.
    assert done_steps(left, task_id) == before
    assert count(left) == 1000


@pytest.mark.timeout(240)
def test_a_failover_by_sentinel_to_a_replica_that_was_behind_loses_nothing(
    primary: RunningServer, tmp_path: Path
) -> None:
    with sentinel_group(primary, tmp_path) as group:
        store = Store.at(group.url(), replicas=1)
        task_id = start(Store.at(group.url(), timeout=WORKER_TIMEOUT), STEPS).id

        before, after = report_around_a_cut(store, task_id, primary, group.second)
        primary.end()
        thaw(group.second)

        eventually(lambda: is_there(store, task_id), FAILOVER_SECONDS, what="no failover")
        assert done_steps(store, task_id) == before | after == set(range(50))
        # The new master has no replica, so it takes no reports until it is given one.
        assert acknowledged(store, task_id, [60]) == set()


def test_a_primary_of_a_cluster_whose_replica_was_behind_loses_nothing(tmp_path: Path) -> None:
    with cluster_of(tmp_path, 3, 3) as own:
        url = ",".join(f"redis://{node.address}" for node in own.nodes)
        store = Store.at(url, replicas=1, timeout=timedelta(seconds=2))
        tasks = [start(Store.at(url, timeout=WORKER_TIMEOUT), STEPS).id for _ in range(12)]
        before = {task_id: reported(store, task_id, range(10)) for task_id in tasks}
        primary, replica = own.primaries[1], own.replicas[1]
        cut_off(replica, primary)
        after = {task_id: acknowledged(store, task_id, [10]) for task_id in tasks}
        confirmed = {task_id: is_confirmed(store, task_id) for task_id in tasks}
        primary.end()
        thaw(replica)
        for task_id in tasks:
            eventually(partial(is_there, store, task_id), 30, what="the replica did not take over")

        promised = {task_id: before[task_id] | after[task_id] for task_id in tasks}
        kept = {task_id: done_steps(store, task_id) for task_id in tasks}
    assert {len(steps) for steps in before.values()} == {10}
    assert {len(steps) for steps in after.values()} == {0, 1}  # by which node a task is on
    # What only reads, for a change that is found done, is confirmed by the nodes that it has asked.
    assert confirmed == {task_id: bool(after[task_id]) for task_id in tasks}
    assert all(promised[task_id] <= kept[task_id] for task_id in tasks), (promised, kept)


def test_services_say_503_while_no_replica_has_a_change(
    primary: RunningServer, replica: RunningServer, tmp_path: Path
) -> None:
    start(Store.at(primary.url, timeout=WORKER_TIMEOUT), STEPS, task_id="known")
    changes = [
        ("done", "PUT", "/tasks/known/steps/1", None),
        ("done", "POST", "/tasks/known/steps", {"steps": [2]}),
        ("distinct", "POST", "/distinct?userId=7", None),
        ("distinct", "POST", "/events/e", {"users": [7]}),
        (
            "distinct",
            "DELETE",
            "/events/none/visits?from=2026-11-01&to=2026-11-02",
            None,
        ),  # which finds nothing
    ]
    with running_services(tmp_path, primary.url, ("done", "distinct"), WAIT_REPLICAS="1") as services:
        eventually(lambda: are_taken(services, changes), what="changes are not taken")
        unconfirmed = figure(services, "donebit_unconfirmed_changes_total")
        freeze(replica)
        try:
            began = time.monotonic()
            answers = [services.ask(*change) for change in changes]
            each_took = (time.monotonic() - began) / len(answers)
            read = services.ask("done", "GET", "/tasks/known")
            eventually(lambda: warns(services), what="/health does not say it")
            short = figure(services, "donebit_store_short_of_replicas")
            unconfirmed = figure(services, "donebit_unconfirmed_changes_total") - unconfirmed
        finally:
            thaw(replica)
        eventually(lambda: not warns(services), what="/health goes on saying it")
        eventually(lambda: are_taken(services, changes), what="changes are not taken again")

    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    assert each_took < AT_MOST_SECONDS
    assert (read.status, read.json["done_steps"]) == (200, 2)
    assert (short, unconfirmed) == (1, 2)


def are_taken(services: RealServices, changes: Iterable[tuple[str, str, str, object]]) -> bool:
    return {services.ask(*change).status for change in changes} == {200}


def figure(services: RealServices, name: str) -> float:
    lines = services.ask("done", "GET", "/metrics").body.decode().splitlines()
    (value,) = [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]
    return float(value)


def warns(services: RealServices) -> bool:
    health = services.ask("done", "GET", "/health")
    assert (health.status, health.json["status"]) == (200, "ok")
    return "lack replicas" in str(health.json["warnings"])


@pytest.mark.timeout(120)
def test_workers_go_on_without_replicas(tmp_path: Path) -> None:
    with replicated_stack(tmp_path) as (stack, replica):
        task_id = stack.create(300, job="demo", params={"sleep_ms": 20})
        stack.await_progress(task_id, 20)
        freeze(replica)
        try:
            stack.await_told(task_id)
        finally:
            thaw(replica)
        said = stack.worker.out.count("work goes on without")

    assert 1 <= said <= 10  # by each process of the worker once, and not for each step


@contextmanager
def replicated_stack(folder: Path) -> Iterator[tuple[Stack, RunningServer]]:
    (folder / "stack").mkdir()
    stack = Stack(folder / "stack", WAIT_REPLICAS="1")
    try:
        with replica_of(stack.server, folder / "replica") as replica:
            eventually(lambda: is_copied(replica), 30, what="the replica did not get the data")
            stack.start()
            yield stack, replica
    finally:
        stack.close()
