"""How the client reaches the services: their addresses, retries, and what an answer holds."""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import inf, isnan, nan
from numbers import Real
from typing import Any, NamedTuple

import urllib3
from urllib3 import exceptions

from donebit.addresses import LOOPBACK, address, checked_url, url_setting
from donebit.errors import InvalidInput, ServiceUnreachable
from donebit.secret_files import checked_token, read_secret, refuse_both
from donebit.service_answers import content_of, was_deleted

TRIGGER_APP, DONE_APP = "trigger_app", "done_app"
RETRIED_STATUSES = {502, 503, 504}  # a proxy's or the service's own: it may answer in a moment
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
MOST_CONNECTIONS = 100  # kept to a service, as many as AsyncDonebit has
DEEPEST_NAME = 5  # in a message
HIGHEST_PORT = 65_535
CONNECT_SECONDS, READ_SECONDS, SHORTEST_TRY_SECONDS = 2.0, 10.0, 1.0


class ServiceRequest(NamedTuple):
    """A request to one of the services.

    Attributes:
        service: Its name.
        method: GET, POST and so on.
        path: The route's path, with its query.
        body: Sent as JSON, or, if bytes, as the NDJSON that they are; None sends no body.
        within_seconds: When to end a try that runs, too, though not in its first second. None: only no try
            begins after the client's `timeout_seconds`.
    """

    service: str
    method: str
    path: str
    body: Mapping[str, object] | bytes | None = None
    within_seconds: float | None = None


class Sendable(NamedTuple):
    """A request as it is sent; every try of it is the same."""

    url: str
    headers: dict[str, str]
    data: bytes | None


class Try(NamedTuple):
    """One of the tries of a request."""

    is_repeat: bool  # of one whose answer was lost, or a 502, 503 or 504
    is_last: bool
    pause: float  # seconds to wait after it
    within_seconds: float | None  # how long it may take; None: as long as the other timeouts let it


class Services:
    """Where the services are, and what every request to them says."""

    def __init__(
        self, trigger_url: str | None, done_url: str | None, token: str | None, timeout_seconds: float
    ) -> None:
        """Keep the addresses and the token, or what the environment has in their place.

        Raises:
            InvalidInput: An address is not an http or https URL, the timeout is no number from 0, the token
                cannot be sent, or the file of API_TOKEN_FILE cannot be read.
        """
        self.timeout_seconds = checked_timeout(timeout_seconds)
        if self.timeout_seconds < 0:
            raise InvalidInput(f"timeout_seconds is {timeout_seconds}; it must be 0 or more")
        self._addresses = {
            TRIGGER_APP: _resolve_address(trigger_url, "TRIGGER", "8098"),
            DONE_APP: _resolve_address(done_url, "DONE", "8097"),
        }
        token = _resolve_token(token)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def sendable(self, request: ServiceRequest) -> Sendable:
        """Return a request as it is sent.

        Raises:
            InvalidInput: The body cannot be written as JSON.
        """
        headers, data = self._headers_and_data(request.method, request.body)
        return Sendable(self._addresses[request.service] + request.path, headers, data)

    def unreachable(self, service: str, reason: str) -> ServiceUnreachable:
        """Return the error that a service does not answer."""
        return ServiceUnreachable(
            f"{service} at {self._addresses[service]} {reason} ({url_setting(service)} sets its address)"
        )

    def tries(self, within_seconds: float | None) -> Iterator[Try]:
        """Yield tries for as long as the time allows; the caller stops at the last one."""
        began = time.monotonic()
        end = None if within_seconds is None else began + within_seconds
        deadline = min(began + self.timeout_seconds, inf if end is None else end)  # of beginning a try
        for number, pause in enumerate(pauses()):
            now = time.monotonic()
            left = None if end is None else max(end - now, SHORTEST_TRY_SECONDS)
            yield Try(number > 0, now + pause >= deadline, pause, left)

    def _headers_and_data(
        self, method: str, body: Mapping[str, object] | bytes | None
    ) -> tuple[dict[str, str], bytes | None]:
        if method == "GET":
            return self._headers, None
        # One key for all tries: the report counts once, and each try gets the first one's answer.
        headers = self._headers | {"Idempotency-Key": uuid.uuid4().hex}
        if body is None:
            return headers, None
        if isinstance(body, bytes):
            return headers | {"Content-Type": "application/x-ndjson"}, body
        return headers | {"Content-Type": "application/json"}, _as_json(body)


class Transport(Services):
    """Sends the client's requests. Threads may share one; a forked process opens connections of its own."""

    def __init__(
        self, trigger_url: str | None, done_url: str | None, token: str | None, timeout_seconds: float
    ) -> None:
        """Keep what `Services` does, and open nothing yet."""
        super().__init__(trigger_url, done_url, token, timeout_seconds)
        self._pool = (os.getpid(), _connection_pool())

    def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        self._connections().clear()

    def request(self, request: ServiceRequest) -> Any:
        """Send a request until it is answered or the time is over, and return the answer's JSON.

        Raises:
            ApiError: The answer has an error status, or is no JSON.
            ServiceUnreachable: There was no answer in time.
        """
        url, headers, data = self.sendable(request)
        for one in self.tries(request.within_seconds):
            timeout = urllib3.Timeout(total=one.within_seconds, connect=CONNECT_SECONDS, read=READ_SECONDS)
            try:
                answer = self._connections().request(
                    request.method, url, body=data, headers=headers, timeout=timeout
                )
            except exceptions.HTTPError as error:
                if one.is_last:
                    raise self.unreachable(request.service, reason_of(error)) from None  # it says all
            else:
                if one.is_last or answer.status not in RETRIED_STATUSES:
                    if one.is_repeat and was_deleted(request.method, answer.status, answer.data):
                        return None
                    location = answer.headers.get("Location")
                    return content_of(request.service, answer.status, answer.data, location)
            time.sleep(one.pause)
        raise AssertionError("the pauses do not end")

    def _connections(self) -> urllib3.PoolManager:
        # After a fork both processes hold the same sockets, and would read each other's answers.
        if self._pool[0] != os.getpid():
            self._pool = (os.getpid(), _connection_pool())
        return self._pool[1]


def checked_timeout(given: object) -> float:
    """Return a number of seconds of any kind, numpy's and a Decimal too, as a float.

    Raises:
        InvalidInput: It is no number; with NaN, which is below and above nothing, a call would never end.
    """
    try:
        seconds = nan if isinstance(given, bool) or not isinstance(given, Real | Decimal) else float(given)
    except (ValueError, OverflowError):  # a Decimal that signals, an integer beyond what a float holds
        seconds = nan
    if isnan(seconds):
        raise InvalidInput(
            f"timeout_seconds is {given!r}; it must be a number of seconds", field="timeout_seconds"
        )
    return seconds


def pauses() -> Iterator[float]:
    """Yield the seconds between tries, for ever: doubling, with a tenth of jitter, 10 at most."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.9, 1)  # noqa: S311 - clients must not retry in step; no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _resolve_token(given: str | None) -> str | None:
    """The token given, else that of the environment, checked; None for none."""
    if given is not None and not isinstance(given, str):
        raise InvalidInput(f"token is of type {type(given).__name__}; it must be a text", field="token")
    try:
        token = given or _token_of_environment()
    except ValueError as error:
        raise InvalidInput(str(error), field="token") from None
    try:
        return checked_token(token) if token else None
    except ValueError as error:  # which does not show it, as it is a secret
        raise InvalidInput(f"{'token' if given else 'API_TOKEN'} {error}", field="token") from None


def _token_of_environment() -> str | None:
    """The token that API_TOKEN holds, or the file that API_TOKEN_FILE names. Raises ValueError."""
    token, path = os.environ.get("API_TOKEN"), os.environ.get("API_TOKEN_FILE")
    if path and token:
        refuse_both("API_TOKEN")
    return read_secret("API_TOKEN_FILE", path) if path else token


def _resolve_address(given: str | None, service: str, port: str) -> str:
    """Return the address given, else the one that the environment names, as the services read it."""
    setting = f"{service}_URL"
    if named := given or os.environ.get(setting):
        return checked_url(setting, named).rstrip("/")
    port = os.environ.get(f"{service}_PORT") or port
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= HIGHEST_PORT):
        raise InvalidInput(f"{service}_PORT is {port!r}; it must be a number from 1 to {HIGHEST_PORT}")
    return checked_url(setting, address(os.environ.get("HOST") or LOOPBACK, port))


def _connection_pool() -> urllib3.PoolManager:
    # Retries are made here, not by the library: it counts tries, and a caller thinks in seconds.
    # Threads beyond the size open a connection for each request, and the library warns each time.
    return urllib3.PoolManager(maxsize=MOST_CONNECTIONS, retries=False)


def _as_json(body: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        path = _path_of_fault(body)
        text = f"{'.'.join(path) or 'the request'} cannot be written as JSON: {error}"
        raise InvalidInput(text, field=path[0] if path else None) from error


def _path_of_fault(body: Mapping[str, object]) -> list[str]:
    """The names that lead to what JSON cannot hold, such as params and folder; none for a name itself."""
    path: list[str] = []
    value: object = body
    while isinstance(value, dict) and len(path) < DEEPEST_NAME:  # one that holds itself has no end
        named = {str(name): inner for name, inner in value.items() if not _is_json(inner)}
        if not named:
            break
        path.append(next(iter(named)))
        value = named[path[-1]]
    return path


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def reason_of(error: exceptions.HTTPError) -> str:
    """Say in short why there is no answer."""
    match getattr(error, "reason", None) or error:  # of an error of the library's own retries
        case exceptions.NameResolutionError():
            return "has a host name that is unknown here"
        case exceptions.NewConnectionError():
            return "refused the connection or cannot be reached"
        case exceptions.TimeoutError():
            return "did not answer in time"
        case exceptions.SSLError() as reason:
            return f"failed the TLS handshake: {reason}"
        case _:
            return "closed the connection without an answer"
