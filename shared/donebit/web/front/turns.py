"""How many requests of callers without a token are answered at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_WAITING = 200  # of one address; a browser sends at most six at once


class TooManyWaiting(Exception):
    """As many requests of one address as may wait are waiting."""


class Turns:
    """Lets so many run at once, in all and of one address; the others wait, each address in its own line.

    Callers with a token have the other threads, whatever those without do.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        """
        Args:
            most: how many run at once
            most_of_one: how many of them are of one address
        """
        self._all = asyncio.Semaphore(most)
        self._most_of_one = most_of_one
        self._of_one: dict[str, asyncio.Semaphore] = {}
        self._present: Counter[str] = Counter()  # running or waiting, by address

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn of this address, and hold it.

        Raises:
            TooManyWaiting: too many of this address are waiting already.
        """
        if self._present[address] >= self._most_of_one + MOST_WAITING:
            raise TooManyWaiting
        self._present[address] += 1
        own = self._of_one.setdefault(address, asyncio.Semaphore(self._most_of_one))
        try:
            async with own, self._all:
                yield
        finally:
            self._present[address] -= 1
            if not self._present[address]:
                del self._present[address], self._of_one[address]
