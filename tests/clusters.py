"""A real cluster: several server processes of this test run's own, each of which can be killed or frozen."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

from redis.exceptions import RedisError

from donebit.addresses import LOOPBACK
from donebit.store.slots import SLOTS
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

CLUSTER = "cluster"  # as a kind of server
NODE_TIMEOUT_MS = 2000
OF_A_NODE = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
    # A replica that was cut off for a while may still take over: which one does is the tests' choice.
    *("--cluster-replica-validity-factor", "0"),
)
HIGHEST_PORT = 55_535  # a node also listens on a port that is higher by 10,000


class Node(RunningServer):
    """A server of a cluster."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(valkey_binary(), folder, free_node_port(), (*OF_A_NODE, *options))

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def ask(self, *command: str | int) -> bytes:
        """Send a command about the cluster, and return its answer."""
        answer = self.client.execute_command("CLUSTER", *command)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return cast(bytes, answer)

    def serves(self, nodes: int) -> bool:
        """Whether it knows so many nodes, and a primary of every slot."""
        with suppress(RedisError):
            info = self.ask("INFO")
            return b"cluster_state:ok" in info and b"cluster_known_nodes:%d\r" % nodes in info
        return False

    @property
    def id(self) -> str:
        return self.ask("MYID").decode()


class Cluster:
    """Primaries that share the slots evenly, and replicas of them."""

    def __init__(self, primaries: Sequence[Node], replicas: Sequence[Node]) -> None:
        self.primaries, self.replicas = primaries, replicas
        self.url = f"redis://{primaries[0].address}/0"
        self._meet()

    @property
    def nodes(self) -> list[Node]:
        return [*self.primaries, *self.replicas]

    def _meet(self) -> None:
        share = SLOTS / len(self.primaries)
        for number, node in enumerate(self.primaries):
            first, stop = round(number * share), round((number + 1) * share)
            node.ask("ADDSLOTSRANGE", first, stop - 1)
            node.ask("SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.ask("MEET", LOOPBACK, self.primaries[0].port)
        for node in self.nodes:
            eventually(partial(node.serves, len(self.nodes)), what="the nodes did not find each other")
        for number, replica in enumerate(self.replicas):
            replicate(replica, self.primaries[number % len(self.primaries)])

    def flush(self) -> None:
        for node in self.primaries:
            node.client.flushall()


def replicate(replica: Node, primary: Node) -> None:
    """Let a node be a replica of a primary, and wait until it has its data."""

    def accepts() -> bool:
        with suppress(RedisError):
            return bool(replica.ask("REPLICATE", primary.id))
        return False

    eventually(accepts, what="the replica does not know its primary")
    eventually(
        lambda: replica.client.info("replication").get("master_link_status") == "up",
        what="the replica did not get its primary's data",
    )


def free_node_port() -> int:
    """A port that is free, as is the one that is higher by 10,000, where the nodes speak to each other."""
    for _ in range(1000):
        with socket.create_server((LOOPBACK, 0)) as one:
            port: int = one.getsockname()[1]
        if port > HIGHEST_PORT:
            port -= 10_000
        with suppress(OSError):
            socket.create_server((LOOPBACK, port)).close()
            socket.create_server((LOOPBACK, port + 10_000)).close()
            return port
    raise AssertionError("there are no two free ports")


@contextmanager
def cluster_of(folder: Path, primaries: int, replicas: int = 0, *options: str) -> Iterator[Cluster]:
    """A cluster with these many nodes, ended afterwards."""
    nodes: list[Node] = []
    try:
        nodes.extend(Node(folder / str(number), options) for number in range(primaries + replicas))
        yield Cluster(nodes[:primaries], nodes[primaries:])
    finally:
        for node in nodes:
            node.close()
