"""The only door to Redis: nothing outside this package imports its client."""

from donebit.store.key_names import Keys
from donebit.store.store import Store

# Of a store with the prefix that KEY_PREFIX has unless it is set; a store has its own in `Store.keys`.
keys = Keys()

__all__ = ["Store", "keys"]
