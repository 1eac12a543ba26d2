"""Sends one HTTP request to a service of the demo."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """There was no answer in time, or one that is not a JSON object."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and its JSON object."""

    status: int
    said: Mapping[str, Any]


def ask(method: str, url: str, timeout_seconds: float, token: str | None = None) -> Answer:
    """Send a request without a body and return the answer.

    Raises:
        NoAnswer: There is none; the message says why.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # http.client instead of urllib, which would use a proxy of the environment even for loopback.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.connect()
        if leads_to_itself(connection.sock):
            raise NoAnswer("nobody listens there: it was connected to itself")
        connection.request(method, url.removeprefix(f"{parts.scheme}://{parts.netloc}"), headers=headers)
        response = connection.getresponse()
        return Answer(response.status, _object(response.read()))
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error)) from error
    finally:
        connection.close()


def leads_to_itself(connected: socket.socket) -> bool:
    """Whether a connection got the very port that it dials as its own; while it is open nobody can listen."""
    return bool(connected.getsockname() == connected.getpeername())


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise NoAnswer("not a JSON object")
    return said
