"""The threads that views run in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

CHECKS = 4  # threads that ask whose token a request has, beside those that answer
Result = TypeVar("Result")
Job = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]


class Pool:
    """Runs functions in threads, which are started as they are needed, for coroutines of one loop.

    A ThreadPoolExecutor costs twice as much for each call: futures of its own, which asyncio wraps.
    """

    def __init__(self, most: int) -> None:
        """Begin without threads.

        Args:
            most: how many there may be.
        """
        self._most = most
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._threads = 0
        self._running = 0  # or waiting for a thread; counted by the loop alone, so without a lock

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what the function returns; raise what it raises."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._running += 1
        if self._threads < min(self._running, self._most):
            self._threads += 1
            threading.Thread(target=self._work, name=f"view-{self._threads}", daemon=True).start()
        self._jobs.put((function, arguments, future))
        try:
            return await future
        finally:
            self._running -= 1

    def _work(self) -> None:
        while True:
            function, arguments, future = self._jobs.get()
            result, error = None, None
            try:
                result = function(*arguments)
            except BaseException as raised:  # it is the caller's, whatever it is
                error = raised
            with suppress(RuntimeError):  # the loop has stopped
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)
            del function, arguments, future, result, error  # not held until the next job


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # nobody waits for it any more
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
