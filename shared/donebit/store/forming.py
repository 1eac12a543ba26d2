"""Makes one cluster of servers that were started for it: who has which slots, and who follows whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from donebit.store.nodes import NodeAddress
from donebit.store.slots import SLOTS

ANSWER_SECONDS = 1.0
MYSELF, REPLICA = "myself", "slave"  # as CLUSTER NODES has it


class KnownNode(NamedTuple):
    """What a node says of one that it knows, itself included."""

    id: str
    address: NodeAddress
    bus_port: int  # where nodes speak to each other
    flags: frozenset[str]
    has_slots: bool


class Formation:
    """The way from servers to a cluster, in small steps, so that nobody waits for one.

    What was done before, by this process or by an earlier one on the same data, is not done again.

    Args:
        primaries: The nodes that share the slots evenly, in their order.
        replicas: The nodes that follow them, the first one the first of them and so on.
    """

    def __init__(self, primaries: Sequence[NodeAddress], replicas: Sequence[NodeAddress]) -> None:
        self._addresses = [*primaries, *replicas]
        self._nodes = [_client_of(one) for one in self._addresses]
        self._primaries = len(primaries)

    def advance(self) -> bool:
        """Do what can be done by now.

        Returns:
            Whether all is done: each node knows all others and serves, and each replica has its data.
        """
        try:
            self._give_slots()
            self._introduce()
            self._let_follow()
            return all(self._is_done(node) for node in self._nodes)
        except exceptions.RedisError:  # one does not answer, or does not know yet what it was told of
            return False

    def close(self) -> None:
        """Close the connections to the nodes."""
        for node in self._nodes:
            node.close()

    def _give_slots(self) -> None:
        share = SLOTS / self._primaries
        for number, node in enumerate(self._nodes[: self._primaries]):
            known = known_nodes(node)
            if len(known) > 1 or known[0].has_slots:
                continue
            first, stop = round(number * share), round((number + 1) * share)
            _ask(node, "ADDSLOTSRANGE", first, stop - 1)
            _ask(node, "SET-CONFIG-EPOCH", number + 1)  # so that they do not have to agree on one later

    def _introduce(self) -> None:
        """Introduce to the first node those that it does not know, or knows by another address."""
        first, *others = zip(self._nodes, self._addresses, strict=True)
        known = {one.address for one in known_nodes(first[0])}
        for node, address in others:
            if address not in known:
                _ask(first[0], "MEET", *address, _own(known_nodes(node)).bus_port)

    def _let_follow(self) -> None:
        leaders = self._nodes[: self._primaries]
        for number, node in enumerate(self._nodes[self._primaries :]):
            own = _own(known_nodes(node))
            if REPLICA not in own.flags and not own.has_slots:
                leader = leaders[number % len(leaders)]
                _ask(node, "REPLICATE", _own(known_nodes(leader)).id)

    def _is_done(self, node: Redis) -> bool:
        known = {one.address for one in known_nodes(node) if MYSELF not in one.flags}
        if len(known & set(self._addresses)) < len(self._addresses) - 1:
            return False
        replication = cast(dict[str, str], node.info("replication"))
        return b"cluster_state:ok" in _ask(node, "INFO") and replication.get("master_link_status") != "down"


def known_nodes(node: Redis) -> list[KnownNode]:
    """The nodes that one knows, itself among them."""
    return [_known_node(line) for line in _ask(node, "NODES").decode().splitlines()]


def _known_node(line: str) -> KnownNode:
    """One line of CLUSTER NODES; its own host a node leaves empty that nobody has met yet."""
    node_id, address, flags, _, _, _, _, _, *slots = line.split(" ")
    host, _, ports = address.partition(",")[0].rpartition(":")
    port, _, bus_port = ports.partition("@")
    return KnownNode(
        node_id, NodeAddress(host, int(port)), int(bus_port), frozenset(flags.split(",")), bool(slots)
    )


def _own(known: Sequence[KnownNode]) -> KnownNode:
    return next(one for one in known if MYSELF in one.flags)


def _client_of(address: NodeAddress) -> Redis:
    return Redis(
        host=address.host,
        port=address.port,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _ask(node: Redis, *command: str | int) -> bytes:
    answer = node.execute_command("CLUSTER", *command)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    return cast(bytes, answer)
