"""`make demo-cluster`: it comes up, works, outlasts the loss of a node, and leaves no process running."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.demo.cluster import NODES, server_as_broker
from donebit.demo.rabbitmq import rabbitmq_program
from tests.demo.conftest import Start
from tests.demo.test_make_demo import RECOVERY_SECONDS, Demo, asked
from tests.servers import valkey_binary
from tests.started import Started, eventually

START_SECONDS = 120.0  # a machine with other things to do; 10 on an idle one


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("clustered"))


@pytest.fixture(scope="module")
def running(demo: Demo) -> Iterator[Started]:
    started = demo.start("--cluster")
    try:
        started.wait_for("ready:", START_SECONDS)
        yield started
    finally:
        started.end()


def test_it_works_on_six_nodes_and_shows_them(demo: Demo, running: Started) -> None:
    demo.works()
    eventually(demo.has_visits, RECOVERY_SECONDS, what="nobody was there")

    found = asked("GET", f"{demo.done}/nodes").said

    assert len(found["nodes"]) == NODES
    assert sum(node["follows"] is None for node in found["nodes"]) == 3
    broker = "RabbitMQ" if rabbitmq_program() else "valkey-server"
    assert f"the broker is {broker}" in running.out


def test_a_node_that_is_killed_is_started_again(demo: Demo, running: Started) -> None:
    port = re.search(r"nodes at redis://127\.0\.0\.1:(\d+),", running.out)
    assert port is not None, running.out

    os.kill(running.child(f":{port[1]} "), signal.SIGKILL)

    running.wait_for("node-1 restarted", RECOVERY_SECONDS)
    demo.works()


def test_ctrl_c_ends_all_of_it(running: Started) -> None:
    running.send(signal.SIGINT)

    assert running.exit_code(40) == 0
    assert running.is_gone()
    assert running.err == ""


def test_without_rabbitmq_one_more_server_is_the_broker(tmp_path: Path, start: Start) -> None:
    url, said, ((broker,),) = server_as_broker(valkey_binary(), tmp_path, 0)

    start(*broker.argv)
    eventually(broker.ready, 10, what=said)

    assert url in said.replace(" at ", " redis://").replace(",", "/0")
