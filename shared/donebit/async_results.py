"""`AsyncResults`: what the steps of a task returned, read while it is gone through by `async for`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Result = TypeVar("Result")


class AsyncResults(Generic[Result]):
    """Results in the order of the steps, read a part at a time; those without a result are left out."""

    def __init__(
        self,
        read: Callable[[], AsyncIterator[tuple[Sequence[int], Sequence[Result]]]],
        count: Callable[[], Awaitable[int]],
    ) -> None:
        """Read nothing yet.

        Args:
            read: gives the steps and their results in parts, ascending.
            count: says how many results there are.
        """
        self._read, self._count = read, count

    async def __aiter__(self) -> AsyncIterator[Result]:
        async for _, values in self._read():
            for value in values:
                yield value

    async def items(self) -> AsyncIterator[tuple[int, Result]]:
        """Each step's number with its result, ascending."""
        async for steps, values in self._read():
            for pair in zip(steps, values, strict=True):
                yield pair

    async def count(self) -> int:
        """How many results there are."""
        return await self._count()

    def __repr__(self) -> str:
        return "AsyncResults, which are read when they are gone through"
