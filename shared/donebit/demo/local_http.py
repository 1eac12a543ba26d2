"""One HTTP request to a service of the demo: it answers in JSON, or it does not."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """Not in time, or not in JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a JSON object, and its status."""

    status: int
    said: Mapping[str, Any]


def ask(method: str, url: str, timeout_seconds: float, token: str | None = None) -> Answer:
    """
    Raises:
        NoAnswer: whatever the reason; the message tells it.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # http.client rather than urllib: no proxy of the environment comes between us and loopback.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request(method, url.removeprefix(f"{parts.scheme}://{parts.netloc}"), headers=headers)
        response = connection.getresponse()
        return Answer(response.status, _object(response.read()))
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error)) from error
    finally:
        connection.close()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise NoAnswer("not a JSON object")
    return said
