"""The answer of a WSGI application, taken from it in pieces."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from donebit.web.exchange import Exchange

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

PIECE = 64 * 1024  # bytes that are collected before they are sent
SEND_WITHIN_SECONDS = 60.0  # a client that takes nothing of an answer for so long is let go

log = logging.getLogger(__name__)
Headers = list[tuple[bytes, bytes]]


class WsgiAnswer:
    """The status and headers of an answer, and its body as it is made. Its methods run in a view's thread."""

    status: int
    headers: Headers

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        """Have the application answer; its body is made when it is taken."""
        self.broken = False  # the application failed within the body
        self.over = False
        self._body: Iterable[bytes] = app(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._body)

    def _start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        self.status = int(status[:3])
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def take(self) -> bytes:
        """Return the next piece of the body: of about 64 KiB, or what is left."""
        taken: list[bytes] = []
        size = 0
        try:
            for piece in self._pieces:
                taken.append(piece)
                size += len(piece)
                if size >= PIECE:
                    break
            else:
                self.over = True
        except Exception:
            log.exception("an answer broke off within its body")
            self.broken = self.over = True
        if self.over:
            self.close()
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def close(self) -> None:
        """Let the application release what the answer holds."""
        self.over = True
        close, self._body = getattr(self._body, "close", None), ()
        if close:
            close()


def begin(app: WSGIApplication, environ: WSGIEnvironment, exchange: Exchange) -> tuple[WsgiAnswer, bytes]:
    """Have the application answer; return the answer and the first piece of its body.

    Events are sent otherwise: their first piece would be awaited here.
    """
    answer = WsgiAnswer(app, environ)
    if exchange.listener and environ["REQUEST_METHOD"] != "HEAD":
        return answer, b""
    exchange.listener = None
    return answer, answer.take()
