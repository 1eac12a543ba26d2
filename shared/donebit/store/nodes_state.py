"""How each primary of a cluster is: its slots, its memory, and the lag of its replicas."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from redis import Redis, exceptions

from donebit.store.client import outages_named
from donebit.store.nodes import NodeAddress
from donebit.store.server_client import router_of
from donebit.store.server_state import Replica, ServerState

SECTIONS = ("memory", "replication")


class PrimaryState(NamedTuple):
    """A primary of a cluster, and the replicas that the cluster knows of it."""

    address: str  # host:port
    slots: tuple[tuple[int, int], ...]  # ranges, half open, in their order
    answers: bool
    memory_bytes: int | None  # None where it does not say
    following: tuple[Replica, ...]
    not_following: tuple[str, ...]  # addresses of replicas that it does not send its changes to


class NodesStateStore:
    """Asks the nodes of a cluster how they are."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    @outages_named
    def read(self) -> list[PrimaryState]:
        """Each primary, in the order of their slots; none where the store is one server.

        A primary that does not answer is among them, until another takes over its slots.

        Raises:
            StoreUnavailable: no node says which slots there are.
        """
        router = router_of(self._client)
        if router is None:
            return []
        router.nodes.refresh()
        slots: dict[NodeAddress, list[tuple[int, int]]] = defaultdict(list)
        known: dict[NodeAddress, list[NodeAddress]] = {}
        for first, last, (primary, *replicas) in sorted(router.nodes.ranges):
            slots[primary].append((first, last + 1))
            known[primary] = replicas
        return [
            _state_of(one, Redis(connection_pool=router.nodes.pool(one)), ranges, known[one])
            for one, ranges in slots.items()
        ]


def _state_of(
    address: NodeAddress, client: Redis, slots: list[tuple[int, int]], replicas: list[NodeAddress]
) -> PrimaryState:
    try:
        said: ServerState | None = ServerState.from_info(client.info(*SECTIONS))
        answers = True
    except exceptions.NoPermissionError:
        said, answers = None, True
    except (exceptions.ConnectionError, exceptions.TimeoutError):
        said, answers = None, False
    following = said.replicas if said else ()
    known = {text_of(one) for one in replicas} - {one.address for one in following}
    return PrimaryState(
        text_of(address),
        tuple(slots),
        answers,
        said.memory_bytes if said else None,
        following,
        tuple(sorted(known)) if said else (),
    )


def text_of(address: NodeAddress) -> str:
    """An address as `host:port`."""
    return f"{address.host}:{address.port}"
