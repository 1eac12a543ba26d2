"""Requests that arrive together, handed to one function: it sends all of them to Redis in one pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from donebit.errors import StoreUnavailable
from donebit.web.front.pool import Pool

MOST = 256  # in one batch: about 5 ms of the server
# Who has waited for as long while the server did not answer others is not to wait as long again.
LONG_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """Gathers what arrives while the batch before is under way; used by the coroutines of one loop."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]]) -> None:
        """
        Args:
            work: is called in a thread, for one batch at a time; returns what came of each item
        """
        self._work, self._pool = work, Pool(1)
        self._waiting: list[tuple[Item, asyncio.Future[Result | Exception]]] = []
        self._running: asyncio.Task[None] | None = None

    async def run(self, item: Item) -> Result:
        """Return what came of an item; raise the error, if it is one.

        Whether anybody still waits for it makes no difference to what is done, nor to the others.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result | Exception] = loop.create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = loop.create_task(self._run())
        result = await future
        if isinstance(result, Exception):
            raise result
        return result

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            began = time.monotonic()
            results = await self._pool.run(self._results, [item for item, _ in batch])
            last = results[-1]
            if isinstance(last, StoreUnavailable) and time.monotonic() - began > LONG_SECONDS:
                batch, self._waiting = batch + self._waiting, []
                results = [*results, *[last] * (len(batch) - len(results))]
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():  # nobody waits for it any more
                    future.set_result(result)
        self._running = None

    def _results(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return self._work(items)
        except Exception as error:  # it is the callers', whatever it is
            return [error] * len(items)
