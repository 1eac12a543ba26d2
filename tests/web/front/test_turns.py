"""How many callers without a token are answered at once, in all and of one address."""

from __future__ import annotations

import asyncio

import pytest

from donebit.web.front.turns import MOST_WAITING, TooManyWaiting, Turns


class Visits:
    """Takes turns and holds each until it is released; counts how many are held."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._released = turns, asyncio.Event()
        self.held: list[str] = []

    async def visit(self, address: str) -> None:
        async with self._turns.turn(address):
            self.held.append(address)
            await self._released.wait()

    async def begin(self, *addresses: str) -> list[asyncio.Task[None]]:
        visits = [asyncio.create_task(self.visit(address)) for address in addresses]
        for _ in range(10):  # every one of them gets as far as it can
            await asyncio.sleep(0)
        return visits

    async def end(self, visits: list[asyncio.Task[None]]) -> None:
        self._released.set()
        await asyncio.gather(*visits)


def test_one_address_leaves_turns_to_others() -> None:
    async def scenario() -> tuple[list[str], int]:
        visits = Visits(Turns(most=3, most_of_one=2))
        begun = await visits.begin("a", "a", "a", "a", "b")
        held = sorted(visits.held)
        await visits.end(begun)
        return held, len(visits.held)

    assert asyncio.run(scenario()) == (["a", "a", "b"], 5)


def test_all_addresses_together_have_no_more_than_all_turns() -> None:
    async def scenario() -> int:
        visits = Visits(Turns(most=3, most_of_one=2))
        begun = await visits.begin(*"abcdef")
        held = len(visits.held)
        await visits.end(begun)
        return held

    assert asyncio.run(scenario()) == 3


def test_no_more_of_an_address_wait_than_may() -> None:
    async def scenario() -> None:
        turns = Turns(most=3, most_of_one=2)
        visits = Visits(turns)
        begun = await visits.begin(*["a"] * (2 + MOST_WAITING))
        with pytest.raises(TooManyWaiting):
            await visits.visit("a")
        await visits.end([*begun, *await visits.begin("b")])
        await visits.visit("a")  # nobody waits any more

    asyncio.run(scenario())
