"""Server-sent events, read as they come and taken up again where the stream is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from donebit.command_line.exit_codes import ServiceUnavailable
from donebit.command_line.service import Query, ServiceClient

AGAIN_AFTER_SECONDS = 1.0  # as the streams themselves ask for with `retry:`
READ_AT_ONCE = 65_536

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream broke off, or does not begin; it is tried again."""

    detail: str


def follow(
    service: ServiceClient, path: str, *, patience_seconds: float, query: Callable[[], Query] = dict
) -> Iterator[Message | Lost]:
    """Each message of a stream for ever; whoever knows the last one stops there.

    Args:
        query: what the stream is asked for with, each time anew: where it goes on, for one

    A stream that is there at first is tried again when it is lost.

    Raises:
        Unavailable: it is not there at first, or stayed away for as long as the patience lasts.
        Refused: there is no such stream, or not any more.
    """
    heard_at: float | None = None
    while True:
        try:
            for message in messages(service, path, query()):
                heard_at = time.monotonic()
                yield message
            lost = Lost(f"{service.name} ended the stream")
            heard_at = heard_at or time.monotonic()
        except ServiceUnavailable as error:
            if heard_at is None or time.monotonic() - heard_at > patience_seconds:
                raise
            lost = Lost(error.detail)
        yield lost
        time.sleep(min(AGAIN_AFTER_SECONDS, patience_seconds))


def messages(service: ServiceClient, path: str, query: Query) -> Iterator[Message]:
    """The messages of one stream, until it ends."""
    with service.stream(path, query) as answer:
        for line in _lines(answer):
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """Each line as soon as it is there: of an event, all that matters here is on one."""
    rest = b""
    while part := answer.read1(READ_AT_ONCE):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
