"""What arrives together is done together, and nobody's fate hangs on another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from donebit.errors import StoreUnavailable
from donebit.web.front.batches import MOST, Batches


class Work:
    """Answers each number with its double, -1 with an error; holds its first batch until it is released."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.released = threading.Event()
        self.outage = False

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.released.wait()
        if self.outage:
            raise StoreUnavailable("gone")
        return [ValueError("-1") if number == -1 else 2 * number for number in numbers]


async def begin(batches: Batches[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    calls = [asyncio.create_task(batches.run(number)) for number in numbers]
    for _ in range(3):  # each of them gets as far as it can
        await asyncio.sleep(0)
    return calls


def test_what_arrives_meanwhile_is_the_next_batch() -> None:
    work = Work()

    async def scenario() -> list[int]:
        batches = Batches(work)
        calls = [*await begin(batches, [0, 1]), *await begin(batches, range(2, MOST + 3))]
        work.released.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(scenario()) == [2 * number for number in range(MOST + 3)]
    assert work.batches == [[0, 1], list(range(2, MOST + 2)), [MOST + 2]]


def test_an_error_is_of_its_own_item_alone() -> None:
    work = Work()
    work.released.set()

    async def scenario() -> list[int | BaseException]:
        return await asyncio.gather(*await begin(Batches(work), [12, -1, 14]), return_exceptions=True)

    before, error, after = asyncio.run(scenario())

    assert (before, after) == (24, 28)
    assert isinstance(error, ValueError)


def test_one_who_goes_away_takes_nobody_along() -> None:
    work = Work()

    async def scenario() -> list[int]:
        batches = Batches(work)
        first, second, third = await begin(batches, [1, 2, 3])
        first.cancel()
        second.cancel()
        work.released.set()
        return [await third, await batches.run(4)]

    assert asyncio.run(scenario()) == [6, 8]
    assert work.batches == [[1, 2, 3], [4]]


@pytest.mark.parametrize("seconds", [3600.0, 0.0], ids=["at once", "after a while"])
def test_who_waits_for_a_server_that_does_not_answer_waits_once(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.web.front.batches.LONG_SECONDS", seconds)
    work = Work()
    work.outage = True

    async def scenario() -> list[int | BaseException]:
        batches = Batches(work)
        calls = [*await begin(batches, [1]), *await begin(batches, [2, 3])]
        work.released.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(scenario())

    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert work.batches == ([[1], [2, 3]] if seconds else [[1]])
