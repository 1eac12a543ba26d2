"""The only door to Redis: nothing outside this package imports its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from donebit.store.key_names import Keys

if TYPE_CHECKING:
    from donebit.store.store import Store

# Of a store with the prefix that KEY_PREFIX has unless it is set; a store has its own in `Store.keys`.
keys = Keys()

__all__ = ["Store", "keys"]


def __getattr__(name: str) -> object:
    # Imported when asked for: it loads numpy, which the workers that only count chords may not have.
    if name != "Store":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from donebit.store.store import Store  # noqa: PLC0415  # see above

    return Store
