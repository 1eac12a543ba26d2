"""Ends the event streams of a caller whose token is revoked or who has signed out."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, request

from donebit.web.access import AccessControl, current_caller
from donebit.web.exchange import exchange_of


def register(app: Flask, access: AccessControl) -> None:
    """Have each event stream end when its caller would no longer be let in."""

    @app.after_request
    def guard_stream(response: Response) -> Response:
        caller, exchange = current_caller(), exchange_of(request.environ)
        if caller is not None and exchange is not None and exchange.listener is not None:
            exchange.listener.is_allowed = partial(access.tokens.is_valid, caller)
        return response
