"""The figures that an operator watches: tasks, queues, signs of life, and the server that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from donebit import clock
from donebit.store import Store
from donebit.store.server_state import ServerState


class Figures(NamedTuple):
    """All of them, read in one go."""

    open_tasks: int  # whose end is not announced
    listed_tasks: int
    queues: Mapping[str, int]  # messages that wait; none where the broker does not say
    pending_deliveries: Mapping[str, int]  # by kind
    last_seen_seconds: Mapping[
        str, float
    ]  # since a worker or the sweep was seen; without those that were not
    server: ServerState | None  # None where its user may not ask


def read_figures(store: Store, queues: Mapping[str, int]) -> Figures:
    """Read them.

    Args:
        queues: how many messages wait in each, as far as that is known.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    open_tasks, listed = store.task_index.sizes()
    names = ("worker", "sweep")
    seen = zip(names, store.heartbeats.last_seen_ms(*names), strict=True)
    now_ms = clock.now_ms()
    return Figures(
        open_tasks,
        listed,
        queues,
        store.deliveries.pending_counts(),
        {name: max(0, now_ms - at_ms) / 1000 for name, at_ms in seen if at_ms is not None},
        store.server.read(),
    )
