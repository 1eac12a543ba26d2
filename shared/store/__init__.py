"""The only door to Redis: nothing outside this package imports its client."""

from shared.store.store import Store

__all__ = ["Store"]
