"""Sends requests to one service; a failure is one sentence for the user."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import urllib3
from urllib3 import exceptions

from donebit.command_line.exit_codes import RequestRefused, ServiceUnavailable, UsageError
from donebit.transport import reason_of
from donebit.utf8 import one_line

CONNECT_SECONDS, READ_SECONDS = 3.0, 30.0
TIMEOUT = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
JSON, NDJSON = "application/json", "application/x-ndjson"
NO_RETRIES = urllib3.Retry(total=False)  # a person at a terminal wants to know at once
# Of a request with an Idempotency-Key: only an answer that was lost is asked for again.
LOST_ANSWER = urllib3.Retry(
    total=1, connect=0, redirect=False, allowed_methods=None, respect_retry_after_header=False
)

Query = Mapping[str, str | int | None]
Answer = Mapping[str, Any]  # an object of JSON


class ServiceClient:
    """A client of one service.

    Every request raises RequestRefused for a 4xx status, and ServiceUnavailable for a 5xx status or if there
    is no answer.
    """

    def __init__(self, name: str, address: str, token: str | None, *, retries: urllib3.Retry) -> None:
        """Make a client; nothing is sent yet.

        Args:
            name: The service's name, such as done_app.
            address: Its URL, without a route's path.
            token: Sent as `Authorization: Bearer`; None sends none.
            retries: How often and when a request is retried.
        """
        self.name, self.address = name, address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._retries = retries
        self._http = urllib3.PoolManager(retries=retries, timeout=TIMEOUT, maxsize=8)
        self.has_resent = (
            False  # whether a request that changes something was sent again, though it may have arrived
        )

    def get(self, path: str, **query: str | int | None) -> Any:
        return self.ask("GET", path, query=query)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Query | None = None,
        key: str | None = None,
    ) -> Any:
        """Send a request and return the answer's JSON; None for an answer without content.

        Args:
            method: GET, POST and so on.
            path: The route's path.
            body: Sent as JSON, or, if bytes, as the NDJSON that they are; None sends no body.
            query: The query parameters; those that are None are left out.
            key: Sent as Idempotency-Key: a request whose answer is lost is sent again, and done once. None
                sends none.
        """
        if isinstance(body, bytes):
            answer = self._request(method, path, body, NDJSON, query, key)
        else:
            data = None if body is None else _utf8(json.dumps(body, ensure_ascii=False))
            answer = self._request(method, path, data, JSON if data else None, query, key)
        return None if answer.status == 204 else self._json(answer)

    def get_bytes(self, path: str) -> bytes:
        return self._request("GET", path, None, None, None).data

    def send_bytes(self, path: str, body: bytes, **query: str | int | None) -> Any:
        """POST bytes and return the answer's JSON."""
        return self._json(self._request("POST", path, body, "application/octet-stream", query))

    @contextmanager
    def stream(self, path: str, query: Query) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give a response that is read as it comes; an error while reading is ServiceUnavailable too."""
        headers = {"Accept": "text/event-stream"}
        with self._translated_errors():
            answer = self._http.request(
                "GET", self._url(path, query), headers=self._headers | headers, preload_content=False
            )
            try:
                self._check(answer)
                yield answer
            finally:
                answer.close()

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        kind: str | None,
        query: Query | None,
        key: str | None = None,
    ) -> urllib3.BaseHTTPResponse:
        headers = self._headers | ({"Content-Type": kind} if kind else {})
        headers |= {"Idempotency-Key": key} if key else {}
        with self._translated_errors():
            answer = self._http.request(
                method,
                self._url(path, query or {}),
                body=body,
                headers=headers,
                retries=LOST_ANSWER if key else self._retries,
            )
        self.has_resent |= method != "GET" and may_have_arrived_before(answer)
        self._check(answer)
        return answer

    def _url(self, path: str, query: Query) -> str:
        given = [f"{name}={_quoted(str(value))}" for name, value in query.items() if value is not None]
        return f"{self.address}{path}?{'&'.join(given)}" if given else self.address + path

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except exceptions.HTTPError as error:
            raise ServiceUnavailable(self._explanation(error)) from None

    def _explanation(self, error: exceptions.HTTPError) -> str:
        setting = self.name.removesuffix("_app").upper()
        if isinstance(getattr(error, "reason", None) or error, exceptions.NewConnectionError):
            return (
                f"{self.name} cannot be reached at {self.address} "
                f"({setting}_URL or HOST and {setting}_PORT set its address; `make demo` starts it)"
            )
        return f"{self.name} at {self.address} {reason_of(error)}"

    def _check(self, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status < 300:
            return
        detail = self._detail(answer)
        if answer.status >= 500 or answer.status < 400:
            raise ServiceUnavailable(f"{self.name} at {self.address} answered {answer.status}: {detail}")
        if answer.status == 401:
            detail = self._how_to_sign_in()
        raise RequestRefused(detail, answer.status)

    def _how_to_sign_in(self) -> str:
        if self._headers:
            return f"{self.name} does not take the token in API_TOKEN: it is wrong or revoked"
        return f"{self.name} requires a token: set API_TOKEN in the environment"

    def _detail(self, answer: urllib3.BaseHTTPResponse) -> str:
        try:
            return one_line(str(json.loads(answer.data)["detail"]))
        except (ValueError, KeyError, TypeError):
            return answer.reason or "no reason given"

    def _json(self, answer: urllib3.BaseHTTPResponse) -> Any:
        try:
            return json.loads(answer.data)
        except ValueError:
            kind = answer.headers.get("Content-Type")
            raise ServiceUnavailable(
                f"the server at {self.address} is not {self.name}: it sent {kind}"
            ) from None


def may_have_arrived_before(answer: urllib3.BaseHTTPResponse) -> bool:
    """Return whether the request of this answer was sent before, and may have arrived."""
    sent_before = answer.retries.history if answer.retries else ()
    return any(not isinstance(one.error, exceptions.NewConnectionError) for one in sent_before)


def segment(text: str) -> str:
    """Quote a text as one segment of a path.

    Raises:
        UsageError: It is not UTF-8, or one of "", "." and "..", or has a /, which would name another path.
    """
    if text in {"", ".", ".."} or "/" in text:
        raise UsageError(f"{text!r} is not a name: 1 to 100 of A-Z a-z 0-9 . _ -, but not . or ..")
    return _quoted(text)


def _quoted(text: str) -> str:
    return quote(_utf8(text), safe="")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        # Python keeps each byte of an argument that is not UTF-8 as a lone surrogate.
        bad = text[error.start : error.end].encode(errors="surrogateescape")
        raise UsageError(f"an argument is not UTF-8: it has the bytes {bad.hex(' ')}") from None
