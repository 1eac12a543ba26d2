"""What only the asynchronous client has to hold: event loops, many calls at once, and cancelled ones."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterable, Iterator
from uuid import uuid4

import pytest
import urllib3

from donebit import AsyncDonebit, Donebit, item_pieces
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.web.real import RealServices


def methods_of(kind: type) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(method) for name, method in found if not name.startswith("_")}


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    ours, theirs = methods_of(AsyncDonebit), methods_of(Donebit)

    assert ours.keys() == theirs.keys()
    assert [one.parameters for one in ours.values()] == [one.parameters for one in theirs.values()]


def test_many_calls_run_at_once(addresses: list[str]) -> None:
    async def report_all() -> dict[str, object]:
        async with AsyncDonebit(*addresses) as client:
            task_id = await client.start(300)
            await asyncio.gather(*(client.report(task_id, [step]) for step in range(300)))
            return dict(await client.wait(task_id, 0))

    assert asyncio.run(report_all())["state"] == "done"


def test_one_client_serves_one_event_loop_after_another(addresses: list[str]) -> None:
    client = AsyncDonebit(*addresses)

    async def use() -> str:
        task = await client.get(await client.start(0))
        await client.close()
        return task["state"]

    async def use_and_leave_open() -> str:
        return (await client.get(await client.start(0)))["state"]

    with asyncio.Runner() as left:
        assert left.run(use_and_leave_open()) == "done"
        assert [asyncio.run(use()), asyncio.run(use())] == ["done", "done"]
        assert left.run(use()) == "done"


# A program that runs an event loop for each call and closes nothing, as a Celery task may: how many are held.
MANY_LOOPS = """
import asyncio, gc, sys, weakref
from donebit import AsyncDonebit
client, loops = AsyncDonebit(*sys.argv[1:]), []
async def use():
    loops.append(weakref.ref(asyncio.get_running_loop()))
    await client.start(0)
for _ in range(10):
    asyncio.run(use())
gc.collect()
print(sum(loop() is not None for loop in loops))
"""


def test_connections_of_event_loops_that_ended_are_let_go(addresses: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MANY_LOOPS, *addresses], capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.stderr) == ("1\n", "")


def test_results_are_gone_through_asynchronously(addresses: list[str]) -> None:
    async def read() -> tuple[list[object], list[tuple[int, object]], int]:
        async with AsyncDonebit(*addresses) as client:
            task_id = await client.start(4)
            await client.report(task_id, results={3: "d", 1: [1], 0: None})
            found = client.results(task_id)
            return [one async for one in found], [pair async for pair in found.items()], await found.count()

    assert asyncio.run(read()) == ([None, [1], "d"], [(0, None), (1, [1]), (3, "d")], 3)


def test_a_cancelled_map_cancels_its_task(
    addresses: list[str], lossy: LossyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 100)

    async def cancel_midway() -> str:
        async with AsyncDonebit(addresses[0], lossy.url, addresses[2]) as client:
            mapping: asyncio.Task[str] | None = None

            def items() -> Iterator[str]:
                for number in range(5000):
                    if number == 100 and mapping:
                        mapping.cancel()
                    yield f"{number:05}.txt"

            given: Iterable[str] = items()
            mapping = asyncio.create_task(client.map("length", given, task_id="cancelled-midway"))
            with pytest.raises(asyncio.CancelledError):
                await mapping
            return (await client.get("cancelled-midway"))["state"]

    assert asyncio.run(cancel_midway()) == "cancelled"


def test_a_map_that_is_cancelled_in_its_first_request_leaves_no_open_task(
    addresses: list[str], services: RealServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_pieces, "BYTES_PER_PIECE", 100)
    label = uuid4().hex

    async def cancel_at_once() -> None:
        with lossy_way_to(services.url("trigger")) as way:
            way.answers_to_lose = 10**6
            async with AsyncDonebit(way.url, *addresses[1:]) as client:
                items = (f"{number:05}.txt" for number in range(5000))
                mapping = asyncio.create_task(client.map("length", items, label=label))
                while way.answers_to_lose == 10**6:
                    await asyncio.sleep(0.01)
                mapping.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await mapping

    asyncio.run(cancel_at_once())

    headers = {"Authorization": f"Bearer {addresses[2]}"}
    answer = urllib3.request("GET", services.url("done", f"/tasks?label={label}"), headers=headers)
    assert [(task["count"], task["state"]) for task in answer.json()["tasks"]] == [(0, "cancelled")]


def test_without_httpx_it_is_one_sentence_that_names_the_extra() -> None:
    code = "import sys; sys.modules['httpx'] = None; from donebit import AsyncDonebit; AsyncDonebit()"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1] == (
        "donebit.errors.ConfigurationError: AsyncDonebit needs the extra `async` (httpx is not installed): "
        "pip install 'donebit[async]'"
    )
