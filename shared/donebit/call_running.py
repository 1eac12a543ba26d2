"""What the parts of the blocking client have in common: they make the requests of a call."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from donebit.calls import Call, Pause, go_through
from donebit.transport import ServiceRequest, Transport

Value = TypeVar("Value")


class CallRunner:
    """Makes the requests and pauses of calls."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _run(self, call: Call[Value]) -> Value:
        """Make the requests and pauses of a call, and return what it comes to."""
        return go_through(call, self._do)

    def _do(self, wanted: ServiceRequest | Pause) -> Any:
        if isinstance(wanted, ServiceRequest):
            return self._transport.request(wanted)
        time.sleep(wanted.seconds)
        return None
