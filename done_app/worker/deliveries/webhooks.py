"""Sending a webhook: signed as Standard Webhooks specifies, and only to listed hosts."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, parse_headers
from typing import NamedTuple

from standardwebhooks import Webhook
from urllib3.util import Url

from done_app.worker.deliveries.connecting import Address, connect_first, resolve
from done_app.worker.deliveries.courier import NotDelivered
from done_app.worker.deliveries.retry_after import retry_after
from donebit import clock
from donebit.completion.delivery import Delivery, DeliveryRefused
from donebit.errors import InvalidInput
from donebit.traces import traces
from donebit.webhook_policy import checked_url, host_of, may_be_reached

CONNECT_TIMEOUT_SECONDS = 10.0  # for all addresses of a host together
READ_TIMEOUT_SECONDS = 20.0  # that a receiver has to answer
TOTAL_TIMEOUT_SECONDS = 25.0  # in all, for an answer that trickles in; well within the lease of a delivery
REDIRECTS = (301, 302, 303, 307, 308)
CUT_EVERY_SECONDS = 0.1  # repeated, as an answer may still come between two of them


class Answered(NamedTuple):
    """What a receiver answered, without the body."""

    status: int
    headers: HTTPMessage


class FinalResponse(HTTPResponse):
    """An answer without the interim ones before it (RFC 9110, section 15.2), such as 103 Early Hints.

    Of these the standard library passes over 100 alone, and takes any other for the answer.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # its stubs lack it
            if found[1] // 100 != 1 or found[1] == HTTPStatus.SWITCHING_PROTOCOLS:
                return found
            parse_headers(self.fp)


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends webhooks to listed hosts, signed with each of the shared secrets."""

    hosts: Collection[str]
    secrets: Sequence[str]

    def send(self, delivery: Delivery) -> str:
        """Send a delivery. No redirect is followed: a redirect is a failed attempt.

        Returns:
            What the receiver answered, as a short text.

        Raises:
            DeliveryRefused: the host is no longer listed, or answered 410 Gone.
            NotDelivered: the receiver did not accept it this time.
        """
        try:
            url = checked_url(delivery.to, self.hosts)
        except InvalidInput as error:
            raise DeliveryRefused(error.detail) from error
        body = json.dumps(delivery.event, separators=(",", ":"))
        try:
            answered = post(url, self.addresses_of(url), body, self.headers(delivery, body))
        except (HTTPException, OSError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        return _check(answered)

    def addresses_of(self, url: Url) -> list[Address]:
        """Resolve the host of a URL; the connection must use one of these very addresses.

        Returns:
            Those that may be connected to, in the order to try them.

        Raises:
            NotDelivered: the host has no address, or only private ones that WEBHOOK_HOSTS does not list.
        """
        host = host_of(url)
        try:
            found = resolve(host, port_of(url))
        except OSError as error:
            raise NotDelivered(f"{host} has no address: {error}") from error
        allowed = [address for address in found if may_be_reached(address.ip, self.hosts)]
        if not allowed:
            raise NotDelivered(f"{host} is {found[0].ip}, a private address that WEBHOOK_HOSTS does not list")
        return allowed

    def headers(self, delivery: Delivery, body: str) -> dict[str, str]:
        """The headers of Standard Webhooks; the id is the announcement's, the same at every attempt."""
        now = clock.now()
        signatures = [Webhook(one).sign(delivery.announcement_id, now, body) for one in self.secrets]
        return {
            "Content-Type": "application/json",
            "User-Agent": "Donebit",
            "webhook-id": delivery.announcement_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
            "Idempotency-Key": delivery.announcement_id,
            **traces.headers,
        }


def _check(answered: Answered) -> str:
    status = answered.status
    if status // 100 == 2:
        return f"answered {status}"
    if status == HTTPStatus.GONE:
        raise DeliveryRefused("answered 410 Gone")
    redirected = " and redirects, which is not followed" if status in REDIRECTS else ""
    raise NotDelivered(f"answered {status}{redirected}", retry_after(answered.headers))


def post(url: Url, addresses: Sequence[Address], body: str, headers: dict[str, str]) -> Answered:
    """POST to one of these very addresses, with the URL's host name in the Host header."""
    with (
        closing(open_connection(url, addresses)) as connection,
        cut_off_after(TOTAL_TIMEOUT_SECONDS, connection),
    ):
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        speaker = HTTPConnection(host_of(url), port_of(url), timeout=READ_TIMEOUT_SECONDS)
        speaker.sock = connection  # connected already, to an address that was checked
        speaker.response_class = FinalResponse
        host = url.netloc or host_of(url)
        speaker.request("POST", url.request_uri, body.encode(), {**headers, "Host": host})
        with speaker.getresponse() as answer:
            return Answered(answer.status, answer.headers)


def open_connection(url: Url, addresses: Sequence[Address]) -> socket.socket:
    """Connect. TLS is still to be negotiated, and the certificate must be that of the URL's host."""
    connected = connect_first(addresses, CONNECT_TIMEOUT_SECONDS)
    connected.settimeout(READ_TIMEOUT_SECONDS)
    if url.scheme == "http":
        return connected
    return ssl.create_default_context().wrap_socket(
        connected, server_hostname=host_of(url), do_handshake_on_connect=False
    )


def port_of(url: Url) -> int:
    return url.port or (80 if url.scheme == "http" else 443)


@contextmanager
def cut_off_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Cut off a connection that is open too long in all: timeouts apply to single reads, which add up."""
    finished = threading.Event()

    def cut() -> None:
        pause = seconds
        while not finished.wait(pause):
            with suppress(OSError):
                # Of the socket, past TLS: that of the TLS socket would have it read on in the clear.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            pause = CUT_EVERY_SECONDS

    threading.Thread(target=cut, name="cut off", daemon=True).start()
    try:
        yield
    finally:
        finished.set()
