"""The short way of a request: checked, done and answered without Flask, wherever it is a plain one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, g

from donebit.access.roles import Caller
from donebit.traces import traces
from donebit.web import audit, guard, prefix
from donebit.web.answers import JSON, body_of
from donebit.web.exchange import Exchange
from donebit.web.front.batches import Batches
from donebit.web.front.pool import Pool
from donebit.web.guard import Guard
from donebit.web.http_times import times_of
from donebit.web.plain_request import PlainRequest
from donebit.web.quotas import count_request
from donebit.web.service import PROTECTION
from donebit.web.short_route import ShortRoute, short_routes_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_HEADERS = {"Content-Type": JSON, "Content-Length": "", **PROTECTION}
BEFORE, _, *AFTER = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


class Done(NamedTuple):
    """The body of an answer 200."""

    body: bytes


class ErrorAnswer(NamedTuple):
    """An error that a request is to be answered with, as Flask answers it."""

    error: Exception
    caller: Caller | None
    app: Flask
    began_at: float  # by time.perf_counter

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        app = self.app
        with app.request_context(prefix.within_prefix(app, environ)):
            g.caller, g.began_at = self.caller, self.began_at
            response = app.make_response(app.handle_user_exception(self.error))
            return app.process_response(response)(environ, start_response)


class ShortWay:
    """Answers the plain requests of one route."""

    def __init__(self, app: Flask, route: ShortRoute[Any, Any], pool: Pool) -> None:
        """
        Args:
            app: the service
            route: that has the short way
            pool: the threads that views run in
        """
        self._app, self._route, self._pool = app, route, pool
        self._guard: Guard = app.extensions[guard.EXTENSION]
        self._audit = audit.audit_of(app)
        self._times = times_of(app)
        self._method, _, self._rule = route.route.partition(" ")
        self._batches = Batches[Any, Any](route.do_each)

    async def answer(self, asked: PlainRequest, exchange: Exchange) -> Done | ErrorAnswer | None:
        """Answer a request of the route's method; None if Flask is to answer it, and nothing was changed."""
        began_at = time.perf_counter()
        item = self._route.read(asked)
        if item is None:
            return None
        admitted = self._guard.admit_at_once(asked, self._route.route, self._route.task_of(item))
        if admitted is None:
            return None
        try:
            exchange.is_counted = True
            count_request(self._app, admitted.caller)
            result = await self._batches.run(self._route.of_caller(item, admitted.caller))
            if result is None:
                return None
            if rest := self._route.rest_of(item, result):
                await self._pool.run(rest)
            body = body_of(self._route.describe(item, result)).encode()
        except Exception as error:  # answered, whatever it is
            return ErrorAnswer(error, admitted.caller, self._app, began_at)
        self._times.note(self._method, self._rule, HTTPStatus.OK, time.perf_counter() - began_at)
        self._audit.count(admitted.caller, self._route.route)
        return Done(body)


def short_ways(app: Flask, pool: Pool) -> dict[str, ShortWay]:
    """The short ways of a service, by the method of their route; none where traces are set up.

    Each request has a span then, which request_spans.py makes around a view.
    """
    if traces.are_on:
        return {}
    return {route.route.partition(" ")[0]: ShortWay(app, route, pool) for route in short_routes_of(app)}


async def send_done(done: Done, send: Send) -> None:
    """Send the answer."""
    headers = [BEFORE, (b"Content-Length", b"%d" % len(done.body)), *AFTER]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": done.body, "more_body": False})
