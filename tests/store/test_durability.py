"""What the server has acknowledged it still knows, and a server that forgets is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from donebit.completion import reporting
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.store import Store
from donebit.store.store import refuse_eviction
from tests.completion.arranged import missing_ranges, now, start
from tests.servers import RunningServer
from tests.started import eventually
from tests.store.conftest import StoreOn


def test_acknowledged_marks_survive_the_death_of_the_server(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    store = store_on(own_server)
    task = start(store, 100_000)
    acknowledged: list[int] = []

    def report_until_it_dies(first: int) -> None:
        try:
            for step in range(first, task.count, 4):
                reporting.report(store, task.id, [step])
                acknowledged.append(step)
        except StoreUnavailable:
            return

    with ThreadPoolExecutor(4) as pool:
        reporters = [pool.submit(report_until_it_dies, first) for first in range(4)]
        eventually(lambda: len(acknowledged) > 200, what="nothing is acknowledged")
        own_server.end()
        for reporter in reporters:
            reporter.result(30)
    own_server.start()

    missing = {step for low, high in missing_ranges(store, task) for step in range(low, high)}
    assert len(acknowledged) < task.count
    assert missing.isdisjoint(acknowledged)
    assert now(store, task).missing_steps == len(missing)


def test_an_end_and_its_claim_survive_the_death_of_the_server(
    own_server: RunningServer, store_on: StoreOn
) -> None:
    store = store_on(own_server)
    task = start(store, 2)
    reporting.report(store, task.id, ranges=[(0, 2)], token="mine")

    own_server.end()
    own_server.start()

    assert reporting.report(store, task.id, [0], token="mine").completed_task
    assert own_server.client.ttl(f"donebit:done:{{{task.id}}}:task") > 0


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_evicts_keys_is_refused(
    own_server: RunningServer, store_on: StoreOn, policy: str
) -> None:
    own_server.client.config_set("maxmemory-policy", policy)

    with pytest.raises(ConfigurationError, match=f"maxmemory-policy {policy}.*set maxmemory-policy noevict"):
        refuse_eviction(store_on(own_server))


def test_a_server_that_evicts_nothing_is_accepted(store: Store) -> None:
    refuse_eviction(store)
