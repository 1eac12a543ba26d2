"""Sending a webhook: signed as Standard Webhooks specifies, and only to listed hosts."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from ssl import create_default_context

from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url

from donebit import clock
from donebit.completion.deliveries import Delivery, DeliveryRefused
from donebit.errors import InvalidInput
from donebit.webhook_policy import checked_url, host_of, may_be_reached

READ_TIMEOUT_SECONDS = 10.0  # to connect, and between two reads of the answer
TOTAL_TIMEOUT_SECONDS = 15.0  # in all, for an answer that trickles in
CUT_EVERY_SECONDS = 0.1  # repeated, as what is not connected yet cannot be cut


class NotDelivered(Exception):
    """This attempt failed; the next one may succeed."""


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends webhooks to listed hosts, signed with the shared secret."""

    hosts: Collection[str]
    secret: str

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
            status = post(url, self.address_of(url), body, self.headers(delivery, body))
        except (HTTPError, HTTPException, OSError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
        return _check_status(status)

    def address_of(self, url: Url) -> str:
        """Resolve and check the host of a URL; the connection must use this very address.

        Raises:
            NotDelivered: the host has no address, or only private ones that WEBHOOK_HOSTS does not list.
        """
        host = host_of(url)
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotDelivered(f"{host} has no address: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if may_be_reached(address, self.hosts):
                return address
        raise NotDelivered(f"{host} is {addresses[0]}, a private address that WEBHOOK_HOSTS does not list")

    def headers(self, delivery: Delivery, body: str) -> dict[str, str]:
        """The headers of Standard Webhooks; the id is the announcement's, the same at every attempt."""
        now = clock.now()
        signature = Webhook(self.secret).sign(delivery.announcement_id, now, body)
        return {
            "Content-Type": "application/json",
            "User-Agent": "Donebit",
            "webhook-id": delivery.announcement_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
            "Idempotency-Key": delivery.announcement_id,
        }


def _check_status(status: int) -> str:
    if status // 100 == 2:
        return f"answered {status}"
    if status == HTTPStatus.GONE:
        raise DeliveryRefused("answered 410 Gone")
    redirected = " and redirects, which is not followed" if status // 100 == 3 else ""
    raise NotDelivered(f"answered {status}{redirected}")


def post(url: Url, address: str, body: str, headers: dict[str, str]) -> int:
    """POST to this very address, with the URL's host name in the Host header.

    Returns:
        The status of the answer, whose body is not read.
    """
    connection = connect(url, address)
    try:
        with cut_off_after(TOTAL_TIMEOUT_SECONDS, connection):
            host = url.netloc or host_of(url)
            connection.request(
                "POST", url.request_uri, body.encode(), {**headers, "Host": host}, preload_content=False
            )
            with connection.getresponse() as answer:
                return answer.status
    finally:
        connection.close()


def connect(url: Url, address: str) -> HTTPConnection:
    """Open a connection to the address; with TLS, the certificate must be that of the URL's host."""
    if url.scheme == "http":
        return HTTPConnection(address, url.port or 80, timeout=READ_TIMEOUT_SECONDS)
    return HTTPSConnection(
        address,
        url.port or 443,
        timeout=READ_TIMEOUT_SECONDS,
        server_hostname=host_of(url),
        ssl_context=create_default_context(),
    )


@contextmanager
def cut_off_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Cut off a connection that is open too long in all: timeouts apply to single reads, which add up."""
    finished = threading.Event()

    def cut() -> None:
        pause = seconds
        while not finished.wait(pause):
            with suppress(OSError, AttributeError):  # it is not open yet, or TLS is still being negotiated
                connection.sock.shutdown(socket.SHUT_RDWR)
            pause = CUT_EVERY_SECONDS

    threading.Thread(target=cut, name="cut off", daemon=True).start()
    try:
        yield
    finally:
        finished.set()
