"""A host with several addresses: each that may be reached is tried, so one that is down costs no delivery."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from done_app.worker.deliveries import webhooks
from done_app.worker.deliveries.connecting import Address, families_in_turn
from done_app.worker.deliveries.courier import NotDelivered
from tests.done_app.worker.deliveries.hooks import NAME, Names, names, send
from tests.receiver import receiving

__all__ = ["names"]  # a fixture

HERE, SILENT, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """An address that answers no attempt to connect, neither yes nor no, as behind a firewall."""
    with ExitStack() as stack:
        full = stack.enter_context(closing(socket.socket()))
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((host, port))
        full.listen(0)
        for _ in range(8):  # which fill its queue, so that the system drops what comes next
            one = stack.enter_context(closing(socket.socket()))
            one.setblocking(False)
            one.connect_ex((host, port))
        yield


def test_an_address_that_answers_nobody_costs_no_delivery(names: Names) -> None:
    names.set(NAME, [SILENT, HERE])

    with receiving() as receiver, silent(SILENT, receiver.port):
        said = send(receiver.url_at(NAME), NAME, HERE, SILENT)

    assert said == "answered 204"
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("first", [SILENT, "::1"])
def test_an_address_that_refuses_costs_no_delivery(names: Names, first: str) -> None:
    names.set(NAME, [first, HERE])

    with receiving() as receiver:
        assert send(receiver.url_at(NAME), NAME, HERE, first) == "answered 204"


def test_an_end_goes_to_one_of_the_addresses_and_no_more(names: Names) -> None:
    names.set(NAME, [HERE, SILENT])

    with receiving() as one, receiving(host=SILENT, port=one.port) as other:
        send(one.url_at(NAME), NAME, HERE, SILENT)

    assert (len(one.requests), other.requests) == (1, [])


def test_a_private_address_beside_an_allowed_one_is_never_tried(names: Names) -> None:
    names.set(NAME, [SILENT, "10.255.255.1", HERE])

    with receiving() as allowed, receiving(host=SILENT, port=allowed.port) as behind_the_firewall:
        send(allowed.url_at(NAME), NAME, HERE)
    with pytest.raises(NotDelivered, match="Connection refused"):
        send(allowed.url_at(NAME), NAME, HERE)  # nobody is there any more, and nobody else is asked

    assert (len(allowed.requests), behind_the_firewall.requests) == (1, [])


def test_of_addresses_that_all_fail_each_is_named(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "CONNECT_TIMEOUT_SECONDS", 1.0)
    names.set(NAME, [SILENT, THIRD])
    with receiving() as receiver:
        pass

    with (
        silent(SILENT, receiver.port),
        pytest.raises(NotDelivered, match=r"127\.0\.0\.3: Connection refused; 127\.0\.0\.2: timed out"),
    ):
        send(receiver.url_at(NAME), NAME, SILENT, THIRD)


def test_the_families_take_turns_beginning_with_the_resolvers_first() -> None:
    six = [Address(socket.AF_INET6, (f"::{number}", 80)) for number in (1, 2, 3)]
    four = [Address(socket.AF_INET, (f"10.0.0.{number}", 80)) for number in (1, 2)]

    assert families_in_turn([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert families_in_turn([four[0], *six]) == [four[0], *six]
