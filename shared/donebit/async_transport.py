"""How the asynchronous client reaches the services. It needs httpx, which the extra `async` brings."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx

from donebit.service_answers import content_of, was_deleted
from donebit.transport import (
    CONNECT_SECONDS,
    READ_SECONDS,
    RETRIED_STATUSES,
    ServiceRequest,
    Services,
)

TIMEOUTS = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None)  # a call may wait for its turn


class AsyncTransport(Services):
    """Sends the client's requests. Each event loop, and each forked process, has connections of its own."""

    def __init__(
        self, trigger_url: str | None, done_url: str | None, token: str | None, timeout_seconds: float
    ) -> None:
        """Keep what `Services` does, and open nothing yet."""
        super().__init__(trigger_url, done_url, token, timeout_seconds)
        # A connection belongs to the event loop that opened it, and to its process.
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._process = os.getpid()

    async def close(self) -> None:
        """Close this event loop's connections. A later request opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client and self._process == os.getpid():
            await client.aclose()

    async def request(self, request: ServiceRequest) -> Any:
        """Send a request until it is answered or the time is over, and return the answer's JSON.

        Raises:
            ApiError: The answer has an error status, or is no JSON.
            ServiceUnreachable: There was no answer in time.
        """
        url, texts, data = self.sendable(request)
        headers = httpx.Headers(texts, encoding="latin-1")  # as http.client writes them; a token may need it
        for one in self.tries(request.within_seconds):
            try:
                async with asyncio.timeout(one.within_seconds):
                    answer = await self._client().request(request.method, url, content=data, headers=headers)
            except (httpx.RequestError, TimeoutError) as error:
                if one.is_last:
                    raise self.unreachable(request.service, _reason_of(error)) from None  # it says all
            else:
                if one.is_last or answer.status_code not in RETRIED_STATUSES:
                    if one.is_repeat and was_deleted(request.method, answer.status_code, answer.content):
                        return None
                    location = answer.headers.get("Location")
                    return content_of(request.service, answer.status_code, answer.content, location)
            await self.pause(one.pause)
        raise AssertionError("the pauses do not end")

    async def pause(self, seconds: float) -> None:
        """Wait, while others of the event loop go on."""
        await asyncio.sleep(seconds)

    def _client(self) -> httpx.AsyncClient:
        if self._process != os.getpid():
            self._clients, self._process = {}, os.getpid()
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._drop_ended()
            # As urllib3 does for `Donebit`: the system's certificates, and no proxy of the environment.
            self._clients[loop] = httpx.AsyncClient(
                timeout=TIMEOUTS, trust_env=False, verify=ssl.create_default_context()
            )
        return self._clients[loop]

    def _drop_ended(self) -> None:
        """Let go of connections whose event loop has ended. They hold it, so a weak reference does not do."""
        for loop in list(self._clients):
            if loop.is_closed():
                self._clients.pop(loop, None)


def _reason_of(error: Exception) -> str:
    """Say in short why there is no answer."""
    causes = list(_causes_of(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "has a host name that is unknown here"
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"failed the TLS handshake: {cause}"
    match error:
        case httpx.ConnectError():
            return "refused the connection or cannot be reached"
        case httpx.TimeoutException() | TimeoutError():
            return "did not answer in time"
        case _:
            return "closed the connection without an answer"


def _causes_of(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
