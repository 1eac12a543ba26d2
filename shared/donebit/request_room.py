"""How many JSON values the client sends in one request: the services bound more than its bytes."""

from __future__ import annotations

# Of all values in a request, half of what a service takes: the request has names and lists of its own too.
NAMES_PER_REQUEST = 30_000  # of the values in objects
NESTED_PER_REQUEST = 55_000  # lists and objects


class Room:
    """What is in a request so far, and what may be in it."""

    def __init__(self, size: int, values: int) -> None:
        """Have room for `values` JSON values of `size` bytes together."""
        self._most = (size, values, NAMES_PER_REQUEST, NESTED_PER_REQUEST)
        self._used = [0] * len(self._most)

    def take(self, text: bytes) -> bool:
        """Put a value in; False if it begins the next request, as this one has no room for it.

        What does not fit into an empty request goes alone.
        """
        # Too many where a text has such signs: then the request is smaller than it could be.
        cost = (len(text), 1, text.count(b":"), text.count(b"[") + text.count(b"{"))
        used = [before + more for before, more in zip(self._used, cost, strict=True)]
        fits = not any(self._used) or all(one <= most for one, most in zip(used, self._most, strict=True))
        self._used = used if fits else list(cost)
        return fits
