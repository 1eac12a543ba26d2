"""What the parts of a client have in common: they make the requests of a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from donebit.calls import Call, Value, Wanted, go_through
from donebit.transport import ServiceRequest, Transport

if TYPE_CHECKING:
    from donebit.async_transport import AsyncTransport


class CallRunner:
    """Makes the requests and pauses of calls."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _run(self, call: Call[Value]) -> Value:
        """Make the requests and pauses of a call, and return what it comes to."""
        return go_through(call, self._do)

    def _do(self, wanted: Wanted) -> Any:
        if isinstance(wanted, ServiceRequest):
            return self._transport.request(wanted)
        time.sleep(wanted.seconds)
        return None


class AsyncCallRunner:
    """Makes the requests and pauses of calls, while others of the event loop go on."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def _run(self, call: Call[Value]) -> Value:
        """Make the requests and pauses of a call, and return what it comes to."""
        resume: Callable[[], Wanted] = partial(next, call)
        while True:
            try:
                wanted = resume()
            except StopIteration as end:
                return cast(Value, end.value)
            try:
                resume = partial(call.send, await self._do(wanted))
            except BaseException as error:
                resume = partial(call.throw, error)

    async def _do(self, wanted: Wanted) -> Any:
        if isinstance(wanted, ServiceRequest):
            return await self._transport.request(wanted)
        await self._transport.pause(wanted.seconds)
        return None
