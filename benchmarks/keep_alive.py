"""A client of one service that keeps its connection."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

ANSWER_WITHIN_SECONDS = 10.0


class KeepAlive:
    """Sends requests one after the other on one connection."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=ANSWER_WITHIN_SECONDS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        """
        Raises:
            RuntimeError: The answer is an error.
        """
        content = None if body is None else json.dumps(body)
        self._connection.request(
            method, path, content, {"Content-Type": "application/json"} if content else {}
        )
        answer = self._connection.getresponse()
        said: Mapping[str, Any] = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}: {said}")
        return said
