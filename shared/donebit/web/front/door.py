"""The ASGI application of a service: it takes requests in and has Flask answer them, in threads.

The plain requests of the busiest routes it answers by itself: short_way.py.

A thread is taken only by a request that is here: who sends its body slowly, or says nothing, or listens to
events, holds none. And the body of a caller who may not send one is not read at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.exceptions import BadRequest, HTTPException, ServiceUnavailable

from donebit.config import Settings
from donebit.errors import DonebitError, StoreUnavailable
from donebit.networks import network_of
from donebit.web import body_limits, guard
from donebit.web.access import route_name
from donebit.web.body_limits import BodyLimits
from donebit.web.exchange import KEY, Exchange
from donebit.web.front import event_stream
from donebit.web.front.answer import SEND_WITHIN_SECONDS, WsgiAnswer, begin
from donebit.web.front.body import Receive, read_body
from donebit.web.front.connections import Connections, Peer
from donebit.web.front.environ import environ_of
from donebit.web.front.pool import CHECKS, Pool
from donebit.web.front.proxies import TrustedProxies
from donebit.web.front.short_way import Done, send_done, short_ways
from donebit.web.front.turns import TooManyWaiting, Turns
from donebit.web.guard import Guard
from donebit.web.plain_request import read_plain
from donebit.web.prefix import prefix_of, within_prefix
from donebit.web.problems import INTERNAL_ERROR, problem_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
# Callers without a token who are answered at once, in all and of one address. Python runs one thread at a
# time: with 64 of them, one with a token waited 2 s when 2000 requests without came together.
STRANGERS, STRANGERS_OF_ONE = 8, 4
# Probes and the files of the sign-in page have turns of their own, or who fills the others would have a
# service taken for dead.
CHEAP, CHEAP_PATHS = 2, ("/health/live", "/static/")
NOT_READ = "the body was not read"
NOBODY_COULD_SAY = f"{NOT_READ}, as nobody could say whose token this is; nothing was changed"
TOO_MANY = "too many requests without a token from this address at once"
CLOSE = (b"connection", b"close")

log = logging.getLogger(__name__)


class FrontDoor:
    """Answers the requests of one service."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._guard: Guard = app.extensions[guard.EXTENSION]
        self._limits: BodyLimits = app.extensions[body_limits.EXTENSION]
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._body_timeout: timedelta = settings.body_timeout
        self._pool, self._checks = Pool(settings.web_threads), Pool(CHECKS)
        self._prefix = prefix_of(app.name, settings)
        self._short_ways = short_ways(app, self._pool)
        self._turns, self._cheap_turns = Turns(STRANGERS, STRANGERS_OF_ONE), Turns(CHEAP, CHEAP)
        self._known_peers: set[Peer] = set()  # connections on which one with a token has asked something

    def bound_connections(self, port: int, most_of_one: int) -> None:
        """End connections without a token of which one address has more than so many, from now on."""
        note = self._guard.access.refusals.note_connections
        Connections(port, most_of_one, self._known_peers, self._proxies, note).watch()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI says."""
        exchange = Exchange()
        if way := self._short_ways.get(scope["method"]):
            plain = read_plain(scope, self._prefix)
            found = await way.answer(plain, exchange) if plain else None
            if found:
                self._known_peers.add(scope["client"])
            if isinstance(found, Done):
                await send_done(found, send)
                return
            if found:
                answer, first = await self._pool.run(begin, found, self._environ(scope, exchange), exchange)
                await self._send(answer, first, exchange, receive, send)
                return
        await self._have_flask_answer(scope, exchange, receive, send)

    def _environ(self, scope: Mapping[str, Any], exchange: Exchange) -> WSGIEnvironment:
        environ = environ_of(scope)
        environ["REMOTE_ADDR"] = self._proxies.client(environ)
        environ[KEY], environ["wsgi.input"] = exchange, exchange.body
        return environ

    async def _have_flask_answer(
        self, scope: Mapping[str, Any], exchange: Exchange, receive: Receive, send: Send
    ) -> None:
        environ = self._environ(scope, exchange)
        try:
            known, in_thread = await self._is_known(environ)
            if known:
                self._known_peers.add(scope["client"])
            await self._take_in(environ, exchange, receive, in_thread=in_thread)
        except Exception:  # which nothing but the listener would answer, without a word in the log
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            await send_problem(send, HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)
            return
        try:
            async with AsyncExitStack() as stack:
                if not known:
                    turns = self._turns_of(environ["PATH_INFO"])
                    await stack.enter_async_context(turns.turn(network_of(environ["REMOTE_ADDR"])))
                answer, first = await self._pool.run(begin, self._app, environ, exchange)
        except TooManyWaiting:
            self._guard.access.refusals.note(
                "crowd", environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["REMOTE_ADDR"]
            )
            await send_problem(send, HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
            return
        if exchange.refusal or not known:
            answer.headers.append(CLOSE)
        await self._send(answer, first, exchange, receive, send)

    async def _take_in(
        self, environ: WSGIEnvironment, exchange: Exchange, receive: Receive, *, in_thread: bool
    ) -> None:
        """Take in the body, if there is one that may be sent; what is asked about it may take a thread."""
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            most = self._most_bytes
            allowed = await self._checks.run(most, environ) if in_thread else most(environ)
            await self._take_body(environ, exchange, receive, allowed)
        environ["wsgi.input"] = exchange.body

    def _turns_of(self, path: str) -> Turns:
        live, static = CHEAP_PATHS  # wherever a proxy has the service
        return self._cheap_turns if path.endswith(live) or static in path else self._turns

    async def _is_known(self, environ: WSGIEnvironment) -> tuple[bool, bool]:
        """Whether the caller has a token or needs none, and whether to ask further takes a thread.

        The loop must not wait for Redis, which is asked about any token but API_TOKEN.
        """
        asked = self._app.request_class(environ)
        if self._guard.is_operator(asked):
            return True, False
        if not (environ.get("HTTP_AUTHORIZATION") or environ.get("HTTP_COOKIE")):
            return False, False
        return await self._checks.run(self._guard.is_known, asked), True

    async def _take_body(
        self, environ: WSGIEnvironment, exchange: Exchange, receive: Receive, most: int | HTTPException
    ) -> None:
        if isinstance(most, HTTPException):
            exchange.refusal = most
            return
        length = environ.get("CONTENT_LENGTH", "")
        announced = int(length) if length.isdecimal() else None
        seconds = self._body_timeout.total_seconds()
        exchange.body, exchange.refusal = await read_body(receive, most, announced, seconds)

    def _most_bytes(self, environ: WSGIEnvironment) -> int | HTTPException:
        """How many bytes may be read of a body; for one that is refused unread, why.

        The checks before its view say it better, unless they find otherwise: Redis may be back by then.
        """
        asked = self._app.request_class(within_prefix(self._app, environ))
        try:
            rule, parts = self._app.url_map.bind_to_environ(asked.environ).match(return_rule=True)
            view = self._app.view_functions.get(rule.endpoint)
            self._guard.check(asked, route_name(asked.method, rule.rule), view, parts.get("task_id"))
        except StoreUnavailable:
            return ServiceUnavailable(NOBODY_COULD_SAY)
        except (DonebitError, HTTPException):
            return BadRequest(NOT_READ)
        return self._limits.of_route(asked.method, rule.rule).most

    async def _send(
        self, answer: WsgiAnswer, first: bytes, exchange: Exchange, receive: Receive, send: Send
    ) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        try:
            if exchange.listener and not answer.over:
                await event_stream.follow(exchange.listener, exchange.sign_of_life, receive, send)
            else:
                await self._send_pieces(answer, first, send)
        except TimeoutError:
            log.info("a client took nothing of its answer for %.0f s", SEND_WITHIN_SECONDS)
        finally:
            if not answer.over:
                await self._pool.run(answer.close)

    async def _send_pieces(self, answer: WsgiAnswer, piece: bytes, send: Send) -> None:
        while not answer.over:
            async with asyncio.timeout(SEND_WITHIN_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await self._pool.run(answer.take)
        if not answer.broken:  # else it ends without its end, so that nobody takes it for a whole one
            await send({"type": "http.response.body", "body": piece, "more_body": False})


async def send_problem(send: Send, status: HTTPStatus, detail: str) -> None:
    """Answer without Flask, and close the connection."""
    body, headers = problem_body(status, detail)
    head = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": [*head, CLOSE]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
