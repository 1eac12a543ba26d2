"""What compose.cluster.yml promises beside docker-compose.yml, and that the two do not drift apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import NoPermissionError

from tests.compose.compose_file import CLUSTER_FILE, Missing, services
from tests.compose.composed import PASSWORD, Composed
from tests.compose.test_compose_file import GIVEN
from tests.faults.test_cluster import OF_CLUSTER
from tests.faults.test_least_privilege import USER
from tests.ports import node_port
from tests.started import eventually

NODES = tuple(f"node-{number}" for number in range(1, 7))
START_SECONDS = 60.0
OURS = ("trigger", "done", "distinct", "worker", "beat")


@pytest.fixture
def parts() -> dict[str, Any]:
    return services(GIVEN, CLUSTER_FILE)


@pytest.mark.parametrize("missing", ["CLUSTER_PASSWORD", "BROKER_PASSWORD"])
def test_a_secret_of_the_cluster_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(Missing, match=rf"{missing} is empty, copy .env.example"):
        services({**GIVEN, missing: ""}, CLUSTER_FILE)


def test_services_and_workers_differ_in_what_they_stand_on_alone(parts: dict[str, Any]) -> None:
    of_one_server = services(GIVEN)

    def rest(part: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in part.items() if key not in ("depends_on", "deploy")}
        return kept | {"environment": kept["environment"] | {"REDIS_URL": "", "BROKER_URL": ""}}

    assert {name: rest(parts[name]) for name in OURS} == {name: rest(of_one_server[name]) for name in OURS}
    assert parts["worker"]["deploy"]["replicas"] > 1
    assert parts["beat"]["deploy"] == {"replicas": 1}


def test_every_part_of_it_is_confined_and_nothing_is_published(parts: dict[str, Any]) -> None:
    assert set(parts) == {*NODES, "form", "rabbitmq", *OURS}
    for part in parts.values():
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(r"\d+g", part["mem_limit"])
        assert 0 < part["pids_limit"] <= 512
        assert part["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
        assert not {"privileged", "cap_add", "network_mode"} & set(part)
    assert {name for name, part in parts.items() if "ports" in part} == {"trigger", "done", "distinct"}
    assert [name for name, part in parts.items() if "healthcheck" not in part] == ["form"]


def test_each_node_has_an_address_and_a_volume_of_its_own(parts: dict[str, Any]) -> None:
    addresses = {parts[name]["networks"]["default"]["ipv4_address"] for name in NODES}

    assert len(addresses) == len({parts[name]["volumes"][0] for name in NODES}) == len(NODES)
    assert set(parts["form"]["environment"]["NODES"].split()) == {f"{one}:6379" for one in addresses}
    moved = services({**GIVEN, "CLUSTER_SUBNET": "10.9.8"}, CLUSTER_FILE)["node-1"]
    assert moved["networks"]["default"]["ipv4_address"] == "10.9.8.11"


def test_everybody_waits_for_the_cluster_and_the_broker(parts: dict[str, Any]) -> None:
    wanted = {
        "form": {"condition": "service_completed_successfully"},
        "rabbitmq": {"condition": "service_healthy"},
    }
    assert all(parts[name]["depends_on"] == wanted for name in OURS)


def test_no_command_of_it_carries_a_secret(parts: dict[str, Any]) -> None:
    commands = [" ".join(part["command"]) for part in parts.values()]

    assert not [command for command in commands if GIVEN["REDIS_PASSWORD"] in command]


def test_a_node_starts_with_the_documented_user_and_one_for_the_nodes(tmp_path: Path) -> None:
    (more,) = OF_CLUSTER
    rules = USER.removeprefix("ACL SETUSER donebit on >PASSWORD ") + more.removeprefix("ACL SETUSER donebit")
    assert rules in services(GIVEN, CLUSTER_FILE)["node-1"]["command"][-1]
    passwords = {"CLUSTER_PASSWORD": "between-nodes", "BROKER_PASSWORD": "b"}
    composed = Composed(tmp_path, CLUSTER_FILE, server_port=node_port(), **passwords)
    try:
        composed.up("node-1")
        eventually(lambda: composed.is_healthy("node-1"), START_SECONDS, what="the node did not start")
        with composed.server("donebit", PASSWORD) as ours, composed.server("cluster", "between-nodes") as its:
            assert ours.execute_command("CLUSTER SLOTS") == []
            with pytest.raises(NoPermissionError):
                ours.execute_command("CLUSTER RESET")
            assert its.info("replication")["role"] == "master"
            with pytest.raises(NoPermissionError):
                its.get("donebit:done:open")
    finally:
        composed.end()
