"""The nodes of the cluster that the store is on: their roles, slots, memory and lag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from donebit.store import Store
from donebit.store.nodes_state import PrimaryState
from donebit.store.slots import SLOTS

ALL_SLOTS = SLOTS


class Node(NamedTuple):
    """A primary, or a replica of one."""

    address: str  # host:port
    follows: str | None  # the address of its primary; None: it is one
    is_well: bool  # a primary answers, and a replica gets what its primary writes
    slot_ranges: tuple[tuple[int, int], ...] = ()  # half open, of a primary
    memory_bytes: int | None = None  # of a primary that answers
    replicas: int = 0  # that follow it
    lag_bytes: int | None = None  # of a replica that follows
    lag_seconds: int | None = None  # since such a one last acknowledged anything

    @property
    def slots(self) -> int:
        """How many slots it serves."""
        return sum(stop - start for start, stop in self.slot_ranges)


def read_nodes(store: Store) -> list[Node]:
    """Read how each node is, replicas after their primary; none where the store is one server.

    Raises:
        StoreUnavailable: no node says which nodes there are.
    """
    return [node for state in store.nodes.read() for node in _nodes_of(state)]


def _nodes_of(state: PrimaryState) -> Iterator[Node]:
    yield Node(
        state.address, None, state.answers, state.slots, state.memory_bytes, replicas=len(state.following)
    )
    for one in state.following:
        yield Node(
            one.address,
            state.address,
            is_well=True,
            lag_bytes=one.behind_bytes,
            lag_seconds=one.silent_seconds,
        )
    for address in state.not_following:
        yield Node(address, state.address, is_well=False)
