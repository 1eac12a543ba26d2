"""Reading a request's body from the connection: no more than is taken, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any, NamedTuple

from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, RequestTimeout

from donebit.web.whole_body import CUT

Receive = Callable[[], Awaitable[Any]]
SLOWEST = 64 * 1024  # bytes a second: a large body gets more time


class Received(NamedTuple):
    """A body as it came, and why it must not be used, if so."""

    content: BytesIO
    refusal: HTTPException | None = None


async def read_body(receive: Receive, most: int, announced: int | None, seconds: float) -> Received:
    """Read a body, or as much of it as is allowed.

    Args:
        receive: gives the next message of the request, as ASGI says
        most: how many bytes are taken
        announced: its Content-Length; None without one
        seconds: how long it may take, and one more for each 64 KiB
    """
    if announced is not None and announced > most:
        return Received(BytesIO(), RequestEntityTooLarge())  # unread: what is announced is too much already
    content = BytesIO()
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds + (announced or 0) / SLOWEST) as limit:
            refusal = await _read_into(content, receive, most, limit if announced is None else None, seconds)
    except TimeoutError:
        took = asyncio.get_running_loop().time() - began
        refusal = RequestTimeout(f"the body was not whole within {took:.0f} s; nothing was changed")
    if refusal:
        return Received(BytesIO(), refusal)
    content.seek(0)
    return Received(content)


async def _read_into(
    content: BytesIO, receive: Receive, most: int, limit: asyncio.Timeout | None, seconds: float
) -> HTTPException | None:
    """Read all that comes; a limit is moved on by what has come, where nothing says how much it will be."""
    began = asyncio.get_running_loop().time()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return BadRequest(CUT.format(came=content.tell()))
        content.write(message.get("body", b""))
        if limit is not None:
            limit.reschedule(began + seconds + content.tell() / SLOWEST)
        if content.tell() > most:
            return RequestEntityTooLarge()
        if not message.get("more_body"):
            return None
