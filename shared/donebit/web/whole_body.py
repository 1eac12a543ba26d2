"""Request bodies as they were meant: whole, decompressed, and within the limit.

A body whose connection broke reaches the application as if it were a shorter one. Cut packed ids,
lines and bitmaps still are packed ids, lines and bitmaps, only of fewer users: they would replace a flag.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from io import BytesIO
from typing import IO, Any, cast

from flask import Flask, Request, request
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.utils import cached_property

from donebit.errors import InvalidInput
from donebit.web.body_limits import limit_of
from donebit.web.exchange import exchange_of

# By name of RFC 9110, the format as zlib numbers it. Each says where it ends, and has a checksum.
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
GZIP = ("gzip", "x-gzip")  # may have several members
SLICE_BYTES = 4096
CUT = "the connection broke within the body, after {came} bytes; nothing was changed"
TOO_LARGE = "the body has more than {most} bytes when it is decompressed"
PLAIN = ("", "identity")
JSON = "application/json"


class UnsupportedEncoding(UnsupportedMediaType):
    """A Content-Encoding that is not decoded here; the answer names those that are."""

    def get_headers(self, *args: Any, **named: Any) -> list[tuple[str, str]]:
        """Add Accept-Encoding, as RFC 9110, 15.5.16 asks."""
        return [*super().get_headers(*args, **named), ("Accept-Encoding", "gzip, deflate")]


class WholeBodyRequest(Request):
    """A request whose body cannot be read unless it is whole."""

    # The media types that its operation documents, by which its view reads the body whatever is sent.
    body_types: Collection[str] = (JSON,)

    @cached_property
    def stream(self) -> IO[bytes]:
        """The decompressed body. Whatever reads a body, as JSON, as a form or as bytes, reads it here."""
        most = limit_of(self).most
        body = self._as_it_came(most)
        refuse_cut(self, body, most)
        return BytesIO(decompressed(self, body, most))

    def _as_it_came(self, most: int) -> bytes:
        # One byte more: Werkzeug would cut a body without a length at the limit silently.
        self.max_content_length = most + (self.content_length is None)
        exchange = exchange_of(self.environ)
        if exchange is None:
            return bytes(super().stream.read())
        if exchange.refusal:
            raise exchange.refusal
        return exchange.body.getvalue()  # without a copy, unlike what Werkzeug makes of wsgi.input


def register(app: Flask) -> None:
    """Read every body before its view runs, so that a view changes nothing for one that is cut."""
    app.request_class = WholeBodyRequest

    @app.before_request
    def read() -> None:
        if request.routing_exception is None:  # nobody uses it, and it may not have been read at all
            request.get_data()


def set_body_types(types: Collection[str]) -> None:
    """Say which media types the current request may have a body of; before it is read."""
    cast(WholeBodyRequest, request).body_types = types


def has_body(asked: Request) -> bool:
    """Return whether a body was sent, be it whole or not."""
    if asked.content_length is not None:
        return asked.content_length > 0
    try:
        return bool(asked.get_data())
    except HTTPException:  # there is one, and it is refused
        return True


def refuse_cut(asked: WholeBodyRequest, body: bytes, most: int) -> None:
    """Refuse a body that is not whole, or may not be.

    Args:
        asked: the request
        body: its bytes as they came
        most: how many bytes are taken

    Raises:
        RequestEntityTooLarge: there are more than `most`.
        BadRequest: fewer came than Content-Length announces.
        LengthRequired: there is no Content-Length, and a body of this kind does not say where it ends.
    """
    if len(body) > most:
        raise RequestEntityTooLarge
    announced = asked.content_length
    if announced is not None and len(body) < announced:
        raise BadRequest(
            f"the body has {len(body)} of the {announced} bytes that Content-Length announces; "
            "nothing was changed"
        )
    says_its_end = asked.mimetype == JSON and JSON in asked.body_types
    if announced is None and body and not says_its_end and encoding_of(asked) in PLAIN:
        or_json = f", or {JSON}" if JSON in asked.body_types else ""
        raise LengthRequired(
            f"the body is {asked.mimetype or 'of no type'} and has no Content-Length, so a cut one could "
            f"not be told from a whole one; send Content-Length{or_json}, or compress it with gzip"
        )


def encoding_of(asked: Request) -> str:
    """The name in Content-Encoding, in lower case; empty without one."""
    return asked.headers.get("Content-Encoding", "").strip().lower()


def decompressed(asked: Request, body: bytes, most: int) -> bytes:
    """The body without its Content-Encoding.

    Args:
        asked: the request
        body: its bytes as they came
        most: how many it may have afterwards

    Raises:
        UnsupportedEncoding: it has an encoding other than gzip and deflate.
        InvalidInput: it is no whole body of its encoding.
        LengthRequired: it has several members and no Content-Length, so some may be missing.
        RequestEntityTooLarge: it has more than `most` bytes afterwards; no more than that is made of it.
    """
    encoding = encoding_of(asked)
    if encoding in PLAIN:
        return body
    if encoding not in WINDOW_BITS:
        named = asked.headers["Content-Encoding"][:100]
        raise UnsupportedEncoding(
            f"Content-Encoding is {named!r}; a body may be gzip, deflate or not encoded"
        )
    try:
        content, members = inflated(body, WINDOW_BITS[encoding], most)
    except (zlib.error, EOFError) as error:
        raise InvalidInput(
            f"the body is no whole body of Content-Encoding {encoding}: {error}", field="body"
        ) from None
    if members > 1:
        refuse_members(asked, encoding)
    return content


def refuse_members(asked: Request, encoding: str) -> None:
    """Refuse several members in a body, unless it is gzip and known to be whole.

    Raises:
        LengthRequired: it has no Content-Length, so it may have been cut between two of them.
        InvalidInput: its encoding has only one.
    """
    if encoding not in GZIP:
        raise InvalidInput(f"the body goes on after the end of its Content-Encoding {encoding}", field="body")
    if asked.content_length is None:
        raise LengthRequired(
            "the body has several gzip members and no Content-Length, so a cut one could not be told from a "
            "whole one; send Content-Length, or one member"
        )


def inflated(body: bytes, window_bits: int, most: int) -> tuple[bytes, int]:
    """Decompress the members of a body, which is one unless it is gzip.

    Args:
        body: as it was sent
        window_bits: its format, as zlib numbers it
        most: how many bytes it may have afterwards

    Returns:
        The bytes of all members, and how many members there are.

    Raises:
        EOFError: it ends before its own end.
        zlib.error: it is of another format, or damaged.
        RequestEntityTooLarge: it would have more than `most` bytes.
    """
    pieces: list[bytes] = []
    room, place, members = most, 0, 0
    while place < len(body) or not members:
        reader = zlib.decompressobj(window_bits)
        members += 1
        while not reader.eof:
            if place >= len(body):
                raise EOFError("it is cut short")
            # Slices: what follows a member is copied at its end, and a body may have a million members.
            read = body[place : place + SLICE_BYTES]
            pieces.append(reader.decompress(read, room + 1))
            place += len(read) - len(reader.unused_data)
            room -= len(pieces[-1])
            if room < 0:
                raise RequestEntityTooLarge(TOO_LARGE.format(most=most))
    return b"".join(pieces), members
