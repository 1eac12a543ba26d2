"""The nodes of a cluster as last seen: which primary serves which slot, and a pool of connections to each."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Final, NamedTuple

from redis import ConnectionPool, exceptions

from donebit.store.slots import SLOTS

ASK_SECONDS: Final = 0.15  # a node that is well says in a millisecond which slots there are
ASKED_AT_MOST: Final = 4  # nodes, one after the other, so that a request that waits is answered in its second
ASKED_APART_SECONDS: Final = 0.2
NOT_SERVED = "Hash slot not served"

log = logging.getLogger(__name__)


class NodeAddress(NamedTuple):
    """Where a node listens."""

    host: str
    port: int


class SlotRange(NamedTuple):
    """Consecutive slots, the first and the last of them, their primary and its replicas."""

    first: int
    last: int
    nodes: tuple[NodeAddress, ...]


class Nodes:
    """Shared by the threads of a process.

    Args:
        seeds: nodes that may be asked for the others
        pool_at: makes the pool of a node
    """

    def __init__(
        self, seeds: Iterable[NodeAddress], pool_at: Callable[[NodeAddress], ConnectionPool]
    ) -> None:
        self._seeds = tuple(seeds)
        self._pool_at = pool_at
        self._pools: dict[NodeAddress, ConnectionPool] = {}
        self._primaries: list[NodeAddress | None] = [None] * SLOTS
        self._serving: list[NodeAddress] = []  # those of them, once each; empty when that is to be seen again
        self._known: tuple[NodeAddress, ...] = ()  # of all nodes, the primaries first
        self.ranges: tuple[SlotRange, ...] = ()  # as a node has said them last
        self._troubles: dict[NodeAddress, float] = {}  # when a node last failed
        self._is_stale, self._asked_at = True, 0.0
        self._asking, self._pid = Lock(), os.getpid()

    def pool(self, address: NodeAddress) -> ConnectionPool:
        """The connections to a node."""
        found = self._pools.get(address)
        if found is None:
            found = self._pools.setdefault(address, self._pool_at(address))
        return found

    def primary_of(self, slot: int) -> NodeAddress:
        """Who serves a slot.

        Raises:
            ClusterDownError: nobody, as far as is known.
        """
        if self._is_stale:
            self.refresh()
        address = self._primaries[slot]
        if address is None:
            self._is_stale = True
            raise exceptions.ClusterDownError(NOT_SERVED)
        return address

    def primaries(self) -> list[NodeAddress]:
        """Everyone who serves slots, in an order that all processes have in common."""
        if self._is_stale:
            self.refresh()
        if not self._serving:
            self._serving = list(dict.fromkeys(address for address in self._primaries if address))
        if not self._serving:
            self._is_stale = True
            raise exceptions.ClusterDownError(NOT_SERVED)
        return self._serving

    def slot_of_each_primary(self) -> dict[NodeAddress, int]:
        """One of the slots of each primary."""
        return {address: self._primaries.index(address) for address in self.primaries()}

    def moved(self, slot: int, address: NodeAddress) -> None:
        """Note that a slot is served elsewhere; what else has moved is asked for before the next command."""
        self._primaries[slot] = address
        self._serving, self._is_stale = [], True

    def note_trouble(self, address: NodeAddress) -> None:
        """Note that a node does not answer, or takes no writes: another may serve its slots soon."""
        self._troubles[address] = time.monotonic()
        self._is_stale = True

    def refresh(self) -> None:
        """Ask for the slots, unless that was just done or another thread is at it."""
        if self._pid != os.getpid():  # the lock may have been held when this process was forked
            self._asking, self._pid = Lock(), os.getpid()
        if time.monotonic() - self._asked_at < ASKED_APART_SECONDS and self._known:
            return
        if self._asking.acquire(blocking=not self._known):
            try:
                self._ask_around()
            finally:
                self._asked_at = time.monotonic()
                self._asking.release()

    def _ask_around(self) -> None:
        """Take the slots from the first node that answers, those that failed last being asked last."""
        candidates = dict.fromkeys([*self._known, *self._seeds])
        by_trouble = sorted(candidates, key=lambda one: self._troubles.get(one, 0.0))
        for address in by_trouble[:ASKED_AT_MOST]:
            try:
                self._take(self._slots_from(address))
            except (exceptions.RedisError, OSError) as error:
                self._troubles[address] = time.monotonic()
                log.debug("%s:%d does not say which slots there are: %s", *address, error)
            else:
                return

    def _slots_from(self, address: NodeAddress) -> list[SlotRange]:
        """What a node says, over a connection of its own: those of its pool may all be waiting."""
        pool = self.pool(address)
        options = pool.connection_kwargs | {
            "socket_timeout": ASK_SECONDS,
            "socket_connect_timeout": ASK_SECONDS,
        }
        connection: Any = pool.connection_class(**options)
        try:
            connection.connect()
            connection.send_command("CLUSTER", "SLOTS")
            return [_slot_range(entry, address) for entry in connection.read_response()]
        finally:
            connection.disconnect()

    def _take(self, ranges: list[SlotRange]) -> None:
        primaries: list[NodeAddress | None] = [None] * SLOTS
        for first, last, nodes in ranges:
            primaries[first : last + 1] = [nodes[0]] * (last + 1 - first)
        self._is_stale = False
        self._primaries, self._serving, self.ranges = primaries, [], tuple(ranges)
        first_ones = [nodes[0] for *_, nodes in ranges]
        self._known = tuple(dict.fromkeys([*first_ones, *(one for *_, nodes in ranges for one in nodes)]))
        for gone in set(self._pools) - {*self._known, *self._seeds}:
            self._pools.pop(gone).disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.disconnect()


def _slot_range(entry: list[Any], asked: NodeAddress) -> SlotRange:
    """One line of CLUSTER SLOTS; a node that does not know its own name leaves it empty."""
    first, last, *nodes = entry
    return SlotRange(
        first,
        last,
        tuple(NodeAddress((host or b"").decode() or asked.host, port) for host, port, *_ in nodes),
    )
