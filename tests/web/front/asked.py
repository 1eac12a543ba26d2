"""A service's front door asked as granian asks it: by ASGI, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Flask

from donebit.config import Settings
from donebit.web.front.door import FrontDoor
from donebit.web.short_route import EXTENSION

Headers = Sequence[tuple[bytes, bytes]]
HOST: Headers = [(b"host", b"localhost")]


class Asked(NamedTuple):
    """A request without a body; one that has some says so in its headers, and `body` is it."""

    method: str
    path: bytes
    query: bytes = b""
    headers: Headers = HOST
    body: bytes = b""


class Answered(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Door:
    """The front door of a service."""

    def __init__(self, app: Flask, settings: Settings, *, short: bool = True) -> None:
        """
        Args:
            app: the service
            settings: that it was made with
            short: whether its routes have their short ways
        """
        if not short:
            app.extensions.pop(EXTENSION)
        self.app = app
        self._door = FrontDoor(app, settings)

    async def ask(self, asked: Asked) -> Answered:
        """The answer to a request."""
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await self._door(scope_of(asked), receive, send)
        start, *rest = sent
        headers = [(name.lower(), value) for name, value in start["headers"]]
        return Answered(start["status"], headers, b"".join(part["body"] for part in rest))

    async def ask_all(self, asked: Sequence[Asked]) -> list[Answered]:
        """The answers to requests that arrive together."""
        return await asyncio.gather(*map(self.ask, asked))


def scope_of(asked: Asked) -> Mapping[str, Any]:
    """A request as granian hands it over."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "raw_path": asked.path,
        "query_string": asked.query,
        "headers": list(asked.headers),
        "server": ("127.0.0.1", 8097),
        "client": ("127.0.0.1", "50000"),
    }
