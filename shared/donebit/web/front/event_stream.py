"""Sends the events of a listener from the loop: a stream holds no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from donebit.web.front.answer import SEND_WITHIN_SECONDS
from donebit.web.front.body import Receive
from donebit.web.listener import Listener
from donebit.web.live import KEEP_ALIVE_SECONDS, OPENING

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def follow(listener: Listener, sign_of_life: str, receive: Receive, send: Send) -> None:
    """Send events until there are no more or the client has gone; a sign of life when there are none."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    gone = loop.create_task(_gone(receive))
    gone.add_done_callback(lambda _: news.set())

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has stopped
            loop.call_soon_threadsafe(news.set)

    listener.wake = wake
    text, over = OPENING, False
    try:
        while not gone.done():
            if text or over:
                async with asyncio.timeout(SEND_WITHIN_SECONDS):
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": not over})
            if over:
                return
            news.clear()
            text, over = listener.take(0)
            if not text and not over:
                text = await _wait(news, sign_of_life)
    finally:
        gone.cancel()


async def _wait(news: asyncio.Event, sign_of_life: str) -> str:
    """Wait for news; return what to send if there are none for a while."""
    try:
        async with asyncio.timeout(KEEP_ALIVE_SECONDS):
            await news.wait()
    except TimeoutError:
        return sign_of_life
    return ""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
