"""Reads server-sent events as they come, and reconnects when the stream is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from donebit.command_line.exit_codes import ServiceUnavailable
from donebit.command_line.service import Query, ServiceClient

RETRY_AFTER_SECONDS = 1.0  # as the streams ask for with `retry:`
READ_BYTES = 65_536

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The stream was lost or could not be opened; it is retried."""

    detail: str


def follow(
    service: ServiceClient, path: str, *, retry_seconds: float, query: Callable[[], Query] = dict
) -> Iterator[Message | StreamLost]:
    """Yield each message of a stream, without end; the caller stops at the last one.

    A stream that could be opened once is opened again when it is lost, and a StreamLost is yielded.

    Args:
        service: The service to ask.
        path: The stream's path.
        retry_seconds: How long after the last message to retry.
        query: Called for the query of each request, so that it can name where to continue.

    Raises:
        ServiceUnavailable: The stream cannot be opened at first, or stayed lost for `retry_seconds`.
        RequestRefused: There is no such stream, or not any more.
    """
    last_message_at: float | None = None
    while True:
        try:
            for message in messages(service, path, query()):
                last_message_at = time.monotonic()
                yield message
            lost = StreamLost(f"{service.name} ended the stream")
            last_message_at = last_message_at or time.monotonic()
        except ServiceUnavailable as error:
            if last_message_at is None or time.monotonic() - last_message_at > retry_seconds:
                raise
            lost = StreamLost(error.detail)
        yield lost
        time.sleep(min(RETRY_AFTER_SECONDS, retry_seconds))


def messages(service: ServiceClient, path: str, query: Query) -> Iterator[Message]:
    """Yield the messages of one stream, until it ends."""
    with service.stream(path, query) as answer:
        for line in _lines(answer):
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """Yield each line as soon as it arrives; the data of these events are on one line."""
    rest = b""
    while part := answer.read1(READ_BYTES):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
