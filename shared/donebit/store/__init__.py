"""The only door to Redis: nothing outside this package imports its client."""

from donebit.store.store import Store

__all__ = ["Store"]
