"""A real cluster: several server processes of this test run's own, each of which can be killed or frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

from redis.exceptions import RedisError

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_ports
from donebit.store.forming import Formation
from donebit.store.nodes import NodeAddress
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

CLUSTER = "cluster"  # as a kind of server
NODE_TIMEOUT_MS = 2000
OF_A_NODE = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
    # A replica that was cut off for a while may still take over: which one does is the tests' choice.
    *("--cluster-replica-validity-factor", "0"),
)
FORMING_SECONDS = 20.0  # on a machine with other things to do; 2 on an idle one


class Node(RunningServer):
    """A server of a cluster."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        port, self.bus_port = free_server_ports(2)
        ports = ("--cluster-port", str(self.bus_port))
        super().__init__(valkey_binary(), folder, port, (*OF_A_NODE, *ports, *options))

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
    """Primaries that share the slots evenly, and replicas of them.

    Args:
        make: starts a further node
    """

    def __init__(self, primaries: Sequence[Node], replicas: Sequence[Node], make: Callable[[], Node]) -> None:
        self.primaries, self.replicas, self._make = primaries, replicas, make
        self.url = f"redis://{primaries[0].address}/0"
        self._meet()

    @property
    def nodes(self) -> list[Node]:
        return [*self.primaries, *self.replicas]

    def _meet(self) -> None:
        addresses = [NodeAddress(LOOPBACK, node.port) for node in self.nodes]
        forming = Formation(addresses[: len(self.primaries)], addresses[len(self.primaries) :])
        eventually(forming.advance, FORMING_SECONDS, what="the nodes did not become a cluster")
        forming.close()

    def add(self) -> Node:
        """A further node, which has no slots yet; all know it."""
        added = self._make()
        self.primaries[0].ask("MEET", LOOPBACK, added.port, added.bus_port)
        together = [*self.nodes, added]
        for node in together:
            eventually(partial(node.serves, len(together)), what="the new node is not known by all")
        return added

    def flush(self) -> None:
        for node in self.primaries:
            node.client.flushall()


@contextmanager
def cluster_of(folder: Path, primaries: int, replicas: int = 0, *options: str) -> Iterator[Cluster]:
    """A cluster with these many nodes, ended afterwards."""
    nodes: list[Node] = []

    def make() -> Node:
        nodes.append(Node(folder / str(len(nodes)), options))
        return nodes[-1]

    try:
        for _ in range(primaries + replicas):
            make()
        yield Cluster(nodes[:primaries], nodes[primaries:], make)
    finally:
        for node in nodes:
            node.close()
