"""Whether replicas have what services call done, where WAIT_REPLICAS is set."""

from __future__ import annotations

from typing import NamedTuple

from donebit.store import Store


class ReplicaFigures(NamedTuple):
    """How the replicas are."""

    short: int  # primaries without enough replicas that keep up
    missed: int  # changes of this process that too few confirmed in time


def are_awaited(store: Store) -> bool:
    """Whether replicas confirm the changes of this process."""
    return store.server.confirmation is not None


def confirm(store: Store) -> None:
    """Have replicas confirm all that every primary has done so far; nothing without WAIT_REPLICAS.

    Raises:
        StoreUnavailable: too few do.
    """
    store.server.confirm()


def confirm_on_cluster(store: Store) -> None:
    """As `confirm`, on a cluster alone: on one server what a change rests on is confirmed with it."""
    if store.server.is_cluster():
        store.server.confirm()


def read_figures(store: Store) -> ReplicaFigures | None:
    """The figures; None without WAIT_REPLICAS. Raises StoreUnavailable when the server cannot be reached."""
    confirmation = store.server.confirmation
    if confirmation is None:
        return None
    return ReplicaFigures(store.server.short_of_replicas(), confirmation.missed)


def warning(store: Store) -> str | None:
    """What is to be said of the replicas; None where all is well, or none are awaited."""
    figures = read_figures(store)
    if figures is None or not figures.short:
        return None
    return (
        f"{figures.short} primaries of the store lack replicas that keep up (WAIT_REPLICAS): changes there "
        "are 503, and workers go on without"
    )
