"""What is shown of a cluster's nodes: roles, slots, memory and lag, and who is lost."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from donebit.store import Store
from donebit.store.slots import SLOTS
from tests.clusters import Cluster, cluster_of
from tests.started import eventually
from tests.web.services import Services, body_of

SEEN_SECONDS = 20.0  # on a machine with other things to do


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two primaries, the first with a replica; the tests change it in their order."""
    with cluster_of(tmp_path_factory.mktemp("nodes"), 2, 1) as own:
        yield own


@pytest.fixture
def services(replicated: Cluster) -> Services:
    return Services(Store.at(replicated.url, connections=4))


def nodes(services: Services) -> dict[str, Any]:
    found: dict[str, Any] = body_of(services.done.get("/nodes"))
    return found


def rows(services: Services) -> list[str]:
    """The table of nodes on the page, a text for each row."""
    page = services.trigger.get("/workers").text
    section = page.partition('id="nodes"')[2].partition("</section>")[0]
    found = re.findall(r"<tr data-id.*?</tr>", section, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()).replace("\u2013", "-") for row in found]


def metric(services: Services, name: str) -> dict[str, float]:
    families = text_string_to_metric_families(services.done.get("/metrics").text)
    samples = [one for family in families for one in family.samples if one.name == name]
    return {one.labels["node"]: one.value for one in samples}


def test_each_node_is_shown_with_its_part(services: Services, replicated: Cluster) -> None:
    first, second = replicated.primaries
    eventually(lambda: len(nodes(services)["nodes"]) == 3, SEEN_SECONDS)

    found = nodes(services)
    by_name = {node["node"]: node for node in found["nodes"]}

    assert (found["slots_served"], found["slots_all"]) == (SLOTS, SLOTS)
    assert by_name[first.address]["slot_ranges"] == [[0, SLOTS // 2]]
    assert by_name[second.address]["slots"] == SLOTS // 2
    assert (by_name[first.address]["replicas"], by_name[second.address]["replicas"]) == (1, 0)
    replica = by_name[replicated.replicas[0].address]
    assert (replica["follows"], replica["well"], replica["slots"]) == (first.address, True, 0)
    assert replica["lag_bytes"] >= 0
    shown = rows(services)
    assert [row.split()[1] for row in shown] == ["primary", "replica", "primary,"]
    assert "no replica 8,192" in shown[2]
    assert metric(services, "donebit_store_node_slots") == {first.address: 8192, second.address: 8192}
    assert set(metric(services, "donebit_store_node_up").values()) == {1}
    assert min(metric(services, "donebit_store_node_memory_bytes").values()) > 0


def test_a_frozen_primary_is_shown_as_one_that_does_not_answer(
    services: Services, replicated: Cluster
) -> None:
    _, second = replicated.primaries
    nodes(services)
    os.kill(second.process.pid, signal.SIGSTOP)
    try:
        found = nodes(services)
        shown = rows(services)
    finally:
        os.kill(second.process.pid, signal.SIGCONT)

    assert found["slots_served"] == SLOTS // 2
    assert [row for row in shown if row.startswith(second.address)] == [
        f"{second.address} primary, does not answer 8,192 - -"
    ]


def test_a_replica_that_is_gone_is_shown_as_one_that_does_not_follow(
    services: Services, replicated: Cluster
) -> None:
    (replica,) = replicated.replicas
    eventually(partial(replicated.primaries[0].serves, 3), SEEN_SECONDS)
    replica.end()

    eventually(lambda: metric(services, "donebit_store_node_up")[replica.address] == 0, SEEN_SECONDS)

    assert f"{replica.address} replica, does not follow - - -" in rows(services)


def test_of_one_server_there_is_nothing_to_show(real_store: Store) -> None:
    services = Services(real_store)

    assert nodes(services) == {"nodes": [], "slots_served": 0, "slots_all": SLOTS}
    assert rows(services) == []
    assert metric(services, "donebit_store_node_up") == {}


def test_a_cluster_is_formed_again_on_its_own_data_at_other_addresses(tmp_path: Path) -> None:
    with cluster_of(tmp_path, 2) as first:
        ids = {node.id for node in first.primaries}
        slots = [node.ask("NODES").count(b" 0-8191") for node in first.primaries]
    with cluster_of(tmp_path, 2) as again:
        assert {node.id for node in again.primaries} == ids
        assert [node.ask("NODES").count(b" 0-8191") for node in again.primaries] == slots == [1, 1]
