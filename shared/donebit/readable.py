"""Reading what is kept one by one, where a later version may have written some of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

Kept = TypeVar("Kept")
Read = TypeVar("Read")

# What reading raises that a later version wrote, or a host that knows other zones.
UNREADABLE: Final = (ValueError, KeyError, TypeError)


def readable(read: Callable[[str, Kept], Read], found: Iterable[tuple[str, Kept]]) -> Iterator[Read]:
    """Yield what can be read of what is kept under some names; names without anything are left out.

    Args:
        read: makes one of its name and what is kept of it
    """
    for name, kept in found:
        if kept:
            with suppress(*UNREADABLE):
                yield read(name, kept)
