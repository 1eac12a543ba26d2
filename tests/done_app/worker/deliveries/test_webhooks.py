"""A webhook as its receiver sees it: signed, under one id, and what becomes of its answer."""

from __future__ import annotations

import base64
import re
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from done_app.worker.deliveries import webhooks
from done_app.worker.deliveries.courier import NotDelivered
from done_app.worker.deliveries.webhooks import WebhookSender
from donebit.completion import deliveries
from donebit.completion.delivery import DeliveryRefused
from donebit.config import Settings
from tests.done_app.worker.deliveries.hooks import EVENT, NAME, Names, delivery_to, names, send
from tests.receiver import SECRET, Answer, dripping, receiving, silence, status, written

__all__ = ["names"]  # a fixture

HERE = "127.0.0.1"
CERTIFICATES = Path(__file__).parent / "certificates"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "READ_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(webhooks, "TOTAL_TIMEOUT_SECONDS", 0.8)


def test_it_is_signed_so_that_the_library_verifies_it() -> None:
    with receiving() as receiver:
        said = send(receiver.url, HERE)

    (request,) = receiver.requests
    assert said == "answered 204"
    assert request.event == EVENT
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"{HERE}:{receiver.port}"
    sent_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    assert abs((datetime.now(UTC) - sent_at).total_seconds()) < 60


def test_an_ipv6_address_is_not_taken_for_a_host_and_a_port() -> None:
    mapped = f"::ffff:{HERE}"  # as one whose end has letters, its end is no port
    with receiving() as receiver:
        said = send(f"http://[{mapped}]:{receiver.port}/hook", mapped)

    (request,) = receiver.requests
    assert said == "answered 204"
    assert request.headers["host"] == f"[{mapped}]:{receiver.port}"


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp"])
def test_the_signature_covers_the_body_the_id_and_the_time(part: str) -> None:
    with receiving() as receiver:
        send(receiver.url, HERE)
    (request,) = receiver.requests
    headers = {name: value + "1" if name == part else value for name, value in request.headers.items()}
    body = request.body.replace(b"done", b"gone") if part == "body" else request.body

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


def test_every_attempt_bears_the_same_id() -> None:
    with receiving(status(500), status(204)) as receiver:
        with pytest.raises(NotDelivered):
            send(receiver.url, HERE)
        send(receiver.url, HERE)

    assert receiver.ids == ["msg_3f2a"] * 2
    assert {request.headers["idempotency-key"] for request in receiver.requests} == {"msg_3f2a"}


@pytest.mark.parametrize("holds", ["the old one", "the new one"])
def test_a_receiver_verifies_with_either_of_two_secrets(holds: str) -> None:
    new = f"whsec_{base64.b64encode(b'n' * 32).decode()}"
    with receiving() as receiver:
        WebhookSender([HERE], [new, SECRET]).send(delivery_to(receiver.url))
    (request,) = receiver.requests
    secret = SECRET if holds == "the old one" else new

    assert Webhook(secret).verify(request.body, request.headers) == EVENT
    assert re.fullmatch(r"v1,\S+ v1,\S+", request.headers["webhook-signature"])


def test_secrets_are_listed_with_commas_or_spaces() -> None:
    other = base64.b64encode(b"o" * 24).decode()

    for between in (",", " ", ", ", "\n"):
        settings = Settings(webhook_secret=SecretStr(f"{SECRET}{between}{other}"))
        assert settings.webhook_secrets == (SECRET, other)
    for wrong in (f"{SECRET},short", ",", " "):
        with pytest.raises(ValidationError, match="24 to 64 bytes in base64"):
            Settings(webhook_secret=SecretStr(wrong))


LATER = format_datetime(datetime(2026, 11, 21, 3, 2, tzinfo=UTC), usegmt=True)
THEIR_NOW = format_datetime(datetime(2026, 11, 21, 3, 0, tzinfo=UTC), usegmt=True)
WISHES: list[tuple[dict[str, str], timedelta | None]] = [
    ({"Retry-After": "120"}, timedelta(seconds=120)),
    ({"Retry-After": LATER, "Date": THEIR_NOW}, timedelta(seconds=120)),
    ({"Retry-After": THEIR_NOW, "Date": LATER}, timedelta(0)),
    ({"Retry-After": THEIR_NOW}, timedelta(0)),
    ({"Retry-After": "-1"}, None),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": ""}, None),
    ({}, None),
]


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(("headers", "wish"), WISHES)
def test_how_long_a_receiver_asks_to_be_left_alone_is_heard(
    code: int, headers: dict[str, str], wish: timedelta | None
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answer = written(f"HTTP/1.1 {code} Later\r\n{head}\r\n".encode())

    with receiving(answer) as receiver, pytest.raises(NotDelivered) as refused:
        send(receiver.url, HERE)

    assert refused.value.wish == wish


def test_a_receiver_that_takes_twelve_seconds_is_told_once() -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(12)
        status(204)(handler)

    with receiving(slow) as receiver:
        assert send(receiver.url, HERE) == "answered 204"

    assert len(receiver.requests) == 1


def test_nobody_else_tries_while_the_slowest_attempt_is_under_way() -> None:
    longest = webhooks.CONNECT_TIMEOUT_SECONDS + webhooks.TOTAL_TIMEOUT_SECONDS

    assert webhooks.READ_TIMEOUT_SECONDS == 20
    assert longest + 20 < deliveries.LEASE.total_seconds()


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_whatever_is_2xx_takes_it(code: int) -> None:
    with receiving(status(code)) as receiver:
        assert send(receiver.url, HERE) == f"answered {code}"


INTERIM = {
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    "several": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    "of no name": b"HTTP/1.1 199\r\n\r\n",
}


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_an_interim_answer_is_not_taken_for_the_answer(interim: bytes) -> None:
    with receiving(written(interim + b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        assert send(receiver.url, HERE) == "answered 204"

    assert len(receiver.requests) == 1


ODD_HEADERS = {
    "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n",
    "no length": b"Content-Length: none\r\n",
    "chunks that are none": b"Transfer-Encoding: chunked\r\n",
    "no header": b"no colon here\r\n",
}


@pytest.mark.parametrize("header", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_2xx_takes_it_whatever_its_headers_say(header: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with receiving(written(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nit")) as receiver:
        assert send(receiver.url, HERE) == "answered 200"

    assert caplog.records == []


@pytest.mark.parametrize("code", [101, 304, 400, 401, 403, 404, 409, 429, 500, 502, 503, 599, 999])
def test_whatever_else_is_answered_is_an_attempt_that_failed(code: int) -> None:
    with receiving(status(code)) as receiver, pytest.raises(NotDelivered, match=f"answered {code}"):
        send(receiver.url, HERE)


def test_410_ends_it() -> None:
    with (
        receiving(status(410)) as receiver,
        pytest.raises(DeliveryRefused, match="answered 410 Gone"),
    ):
        send(receiver.url, HERE)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same host", "another"])
def test_no_redirect_is_followed(code: int, elsewhere: bool) -> None:
    with receiving() as other, receiving(status(code)) as receiver:
        to = other.url if elsewhere else f"http://{HERE}:{receiver.port}/there"
        receiver.answers = [status(code, Location=to), status(204)]

        with pytest.raises(NotDelivered, match=f"answered {code} and redirects, which is not followed"):
            send(receiver.url, HERE)

    assert (len(receiver.requests), other.requests) == (1, [])


NO_ANSWERS: dict[str, Answer] = {
    "nothing": written(b""),
    "garbage": written(b"\0\1\2garbage\r\n\r\n"),
    "another protocol": written(b"220 smtp.example.org ESMTP\r\n"),
    "no number": written(b"HTTP/1.1 two hundred\r\n\r\n"),
    "a number of no status": written(b"HTTP/1.1 20\r\n\r\n"),
    "a line without end": written(b"HTTP/1.1 200 " + b"a" * 70_000),
    "a header without end": written(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000),
    "an interim answer alone": written(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "too many headers": written(b"HTTP/1.1 200 OK\r\n" + b"A: a\r\n" * 101 + b"\r\n"),
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_an_attempt_that_failed(answer: Answer) -> None:
    with receiving(answer) as receiver, pytest.raises(NotDelivered):
        send(receiver.url, HERE)

    assert len(receiver.requests) == 1


def test_nobody_listening_is_an_attempt_that_failed() -> None:
    with receiving() as receiver:
        pass

    with pytest.raises(NotDelivered, match="Connection refused"):
        send(receiver.url, HERE)


def test_a_name_without_an_address_is_an_attempt_that_failed() -> None:
    with pytest.raises(NotDelivered, match="has no address"):
        send("http://nowhere.invalid/", "nowhere.invalid")


@pytest.mark.usefixtures("impatient")
def test_silence_is_waited_for_only_so_long() -> None:
    with receiving(silence) as receiver, pytest.raises(NotDelivered, match="timed out"):
        send(receiver.url, HERE)


DRIPS = {
    "the status": dripping(b"HTTP/1.1 ", b"2"),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers of interim answers": dripping(b"HTTP/1.1 100 Continue\r\n", b"A: a\r\n"),
    "early hints": dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_comes_drop_by_drop_is_cut_off(answer: Answer) -> None:
    with receiving(answer) as receiver, pytest.raises(NotDelivered):
        send(receiver.url, HERE)


@pytest.mark.usefixtures("impatient")
def test_headers_that_come_drop_by_drop_hold_nobody_up() -> None:
    with receiving(dripping(b"HTTP/1.1 200 OK\r\n", b"A: ")) as receiver:
        assert send(receiver.url, HERE) == "answered 200"


def test_the_body_of_an_answer_is_not_waited_for() -> None:
    endless = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"a")

    with receiving(endless) as receiver:
        assert send(receiver.url, HERE) == "answered 200"


def test_a_host_that_is_no_longer_listed_is_given_up_and_hears_nothing() -> None:
    with receiving() as receiver, pytest.raises(DeliveryRefused, match="host must be one of WEBHOOK_HOSTS"):
        send(receiver.url, "hooks.example.org")

    assert receiver.requests == []


def test_what_stands_in_the_path_and_query_stays_there() -> None:
    with receiving() as receiver:
        send(f"{receiver.url}?a=1&b=%20%0D%0AX-Injected:%201#fragment", HERE)

    (request,) = receiver.requests
    assert "x-injected" not in request.headers
    assert request.path == "/told?a=1&b=%20%0D%0AX-Injected:%201"


def certificate(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    return context


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the operator trusted the tests' own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))


@pytest.mark.usefixtures("trusting")
def test_tls_with_a_certificate_of_the_hosts_own_is_taken(names: Names) -> None:
    names.set(NAME, [HERE])

    with receiving(tls=certificate(NAME)) as receiver:
        said = send(receiver.url_at(NAME), NAME, HERE)

    assert said == "answered 204"
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.usefixtures("trusting")
def test_tls_with_a_certificate_made_for_another_name_is_refused(names: Names) -> None:
    names.set(NAME, [HERE])

    with (
        receiving(tls=certificate("other.example.org")) as receiver,
        pytest.raises(NotDelivered, match=re.compile("hostname mismatch", re.IGNORECASE)),
    ):
        send(receiver.url_at(NAME), NAME, HERE)

    assert receiver.requests == []


def test_tls_with_a_certificate_of_an_unknown_authority_is_refused(names: Names) -> None:
    names.set(NAME, [HERE])

    with (
        receiving(tls=certificate(NAME)) as receiver,
        pytest.raises(NotDelivered, match="certificate verify failed"),
    ):
        send(receiver.url_at(NAME), NAME, HERE)

    assert receiver.requests == []


@pytest.mark.usefixtures("trusting")
def test_an_answer_that_trickles_in_after_slow_tls_is_cut_off(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TOTAL_TIMEOUT_SECONDS", 0.2)
    names.set(NAME, [HERE])
    drips = dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    with receiving(drips, tls=certificate(NAME), late_by=0.5) as receiver, pytest.raises(NotDelivered):
        send(receiver.url_at(NAME), NAME, HERE)
