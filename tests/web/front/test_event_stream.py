"""How the events of a listener are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from donebit.web.front import event_stream
from donebit.web.listener import Listener, Message, Texts, every, none
from donebit.web.live import COMMENT, OPENING

TABLE: dict[str, Message] = {"a": {"state": "running"}}


class Client:
    """A client that takes what is sent, until it goes."""

    def __init__(self, goes_after: int) -> None:
        self.taken: list[str] = []
        self._goes_after, self._gone = goes_after, asyncio.Event()

    async def send(self, message: Mapping[str, Any]) -> None:
        self.taken.append(message["body"].decode())
        if len(self.taken) == self._goes_after:
            self._gone.set()

    async def receive(self) -> Mapping[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}


async def read_again(listener: Listener) -> None:
    """Offer the same table again and again, as the reader of all topics does."""
    while True:
        listener.offer(TABLE, [], Texts(TABLE))
        await asyncio.sleep(0.01)


@pytest.fixture
def listener() -> Listener:
    return Listener("topic", every, every, none)


def test_a_sign_of_life_comes_though_the_topic_is_read_all_the_time(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.1)

    async def scenario() -> list[str]:
        client = Client(goes_after=4)
        reader = asyncio.create_task(read_again(listener))
        async with asyncio.timeout(10):
            await event_stream.follow(listener, COMMENT, client.receive, client.send)
        reader.cancel()
        return client.taken

    assert asyncio.run(scenario()) == [OPENING, 'data: {"state": "running"}\n\n', COMMENT, COMMENT]


def test_a_stream_ends_with_its_last_message(listener: Listener) -> None:
    async def scenario() -> list[str]:
        client = Client(goes_after=100)
        listener.offer(TABLE, ["a"], Texts(TABLE))
        listener.end()
        async with asyncio.timeout(10):
            await event_stream.follow(listener, COMMENT, client.receive, client.send)
        return client.taken

    assert asyncio.run(scenario()) == [OPENING, 'data: {"state": "running"}\n\n']


def test_news_of_another_thread_is_sent_at_once(listener: Listener) -> None:
    async def scenario() -> list[str]:
        client = Client(goes_after=2)
        loop = asyncio.get_running_loop()
        news = loop.run_in_executor(None, listener.offer, TABLE, ["a"], Texts(TABLE))
        async with asyncio.timeout(5):  # half of what a sign of life takes
            await event_stream.follow(listener, COMMENT, client.receive, client.send)
        await news
        return client.taken

    assert asyncio.run(scenario()) == [OPENING, 'data: {"state": "running"}\n\n']
