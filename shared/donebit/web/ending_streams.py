"""Ends the event streams of a caller whose token is revoked or who has signed out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from flask import Flask, Response

from donebit.access.known_tokens import READ_AGAIN_SECONDS
from donebit.access.roles import Caller
from donebit.web.access import AccessControl, current_caller

STREAM = "text/event-stream"


def register(app: Flask, access: AccessControl) -> None:
    """Check before an event whether its caller would still be let in."""

    @app.after_request
    def guard_stream(response: Response) -> Response:
        caller = current_caller()
        if caller is not None and response.mimetype == STREAM and response.is_streamed:
            response.response = while_valid(response.response, access, caller)  # type: ignore[arg-type]
        return response


def while_valid(events: Iterable[str], access: AccessControl, caller: Caller) -> Iterator[str]:
    """Yield events until the caller would no longer be let in."""
    looked_at = time.monotonic()
    for event in events:
        if time.monotonic() - looked_at >= READ_AGAIN_SECONDS:
            if not access.tokens.is_valid(caller):
                return
            looked_at = time.monotonic()
        yield event
