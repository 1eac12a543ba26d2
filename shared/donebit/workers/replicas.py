"""Whether replicas have what services call done, where WAIT_REPLICAS is set."""

from __future__ import annotations

from donebit.store import Store


def are_awaited(store: Store) -> bool:
    """Whether replicas confirm the changes of this process."""
    return store.server.confirmation is not None


def begin(store: Store) -> None:
    """Begin to note which primaries this thread asks for something."""
    if (confirmation := store.server.confirmation) is not None:
        confirmation.begin()


def confirm(store: Store) -> None:
    """Have replicas confirm all that those primaries have done so far; nothing without WAIT_REPLICAS.

    Raises:
        StoreUnavailable: too few do.
    """
    store.server.confirm()


def confirm_on_cluster(store: Store) -> None:
    """As `confirm`, on a cluster alone: on one server what a change rests on is confirmed with it."""
    if store.server.is_cluster():
        store.server.confirm()


def missed(store: Store) -> int | None:
    """How many changes of this process too few confirmed in time; None without WAIT_REPLICAS."""
    confirmation = store.server.confirmation
    return None if confirmation is None else confirmation.missed


def short(store: Store) -> int | None:
    """How many primaries lack replicas that keep up; None without WAIT_REPLICAS.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """
    return store.server.short_of_replicas() if are_awaited(store) else None


def warning(store: Store) -> str | None:
    """What is to be said of the replicas; None where all is well, or none are awaited."""
    lacking = short(store)
    if not lacking:
        return None
    return (
        f"{lacking} primaries of the store lack replicas that keep up (WAIT_REPLICAS): changes there "
        "are 503, and workers go on without"
    )
