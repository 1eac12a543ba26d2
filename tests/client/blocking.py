"""`Blocking`: the asynchronous client with the methods of the other, for the tests that both must pass."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from donebit import AsyncDonebit
from donebit.async_results import AsyncResults
from donebit.results import StoredResults


class Blocking:
    """Awaits each call in an event loop of its own, which it runs for as long as the call lasts."""

    def __init__(self, *addresses: str | None, **options: Any) -> None:
        self._client = AsyncDonebit(*addresses, **options)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Blocking:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()
        self._runner = asyncio.Runner()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        @wraps(method)
        def call(*given: Any, **options: Any) -> Any:
            answer = method(*given, **options)
            return self._runner.run(answer) if inspect.iscoroutine(answer) else self._read(answer)

        return call

    def _read(self, results: AsyncResults[Any]) -> StoredResults[Any]:
        async def pairs() -> list[tuple[int, Any]]:
            return [pair async for pair in results.items()]

        def parts() -> Any:
            for step, value in self._runner.run(pairs()):
                part: tuple[Sequence[int], list[Any]] = ([step], [value])
                yield part

        async def count() -> int:
            return await results.count()

        return StoredResults(parts, lambda: self._runner.run(count()))
