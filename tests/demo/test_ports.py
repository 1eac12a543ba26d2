"""Taken ports are named, with their variable, before anything is started."""

from __future__ import annotations

import socket

import pytest

from donebit.addresses import LOOPBACK, address
from donebit.demo import ports
from donebit.demo.errors import CannotStart


def test_a_taken_port_is_named_with_its_variable(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)), pytest.raises(CannotStart) as refusal:
        ports.check_free("127.0.0.1", {"TRIGGER_PORT": free_port})

    advice = "stop what listens there, or set TRIGGER_PORT to another"
    assert refusal.value.detail == f"port {free_port} is taken (TRIGGER_PORT): {advice}"


def test_a_port_taken_on_every_address_is_taken(free_port: int) -> None:
    with socket.create_server(("0.0.0.0", free_port)), pytest.raises(CannotStart, match="is taken"):
        ports.check_free("127.0.0.1", {"DONE_PORT": free_port})


def test_one_port_for_two_services_is_refused(free_port: int) -> None:
    with pytest.raises(CannotStart, match=rf"port {free_port} is taken \(DONE_PORT\)"):
        ports.check_free("127.0.0.1", {"TRIGGER_PORT": free_port, "DONE_PORT": free_port})


def test_an_address_of_another_machine_is_refused(free_port: int) -> None:
    with pytest.raises(
        CannotStart, match=rf"192\.0\.2\.1:{free_port} \(TRIGGER_PORT\) cannot be listened on"
    ):
        ports.check_free("192.0.2.1", {"TRIGGER_PORT": free_port})


def test_a_free_port_is_left_free(free_port: int) -> None:
    ports.check_free("127.0.0.1", {"TRIGGER_PORT": free_port})

    ports.check_free("127.0.0.1", {"TRIGGER_PORT": free_port})


def test_connections_that_linger_after_a_stop_are_in_nobodys_way(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as listener:
        client = socket.create_connection(("127.0.0.1", free_port))
        listener.accept()[0].close()  # who closes first is left with TIME_WAIT
        client.close()

    ports.check_free("127.0.0.1", {"TRIGGER_PORT": free_port})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8098"),
        ("0.0.0.0", "http://127.0.0.1:8098"),
        ("::", "http://[::1]:8098"),
        ("192.0.2.1", "http://192.0.2.1:8098"),
    ],
)
def test_the_address_is_one_that_a_browser_here_can_open(host: str, expected: str) -> None:
    assert address(host, 8098) == expected


def test_the_embedded_server_is_not_put_where_clients_dial_from() -> None:
    assert max(ports.SERVER_PORTS) < 32_768


def test_a_port_is_given_again_after_all_others_only(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = ports.free_server_ports(9)
    monkeypatch.setattr(ports, "SERVER_PORTS", [*others[:4], first, *others[4:]])

    with socket.create_server((LOOPBACK, first)):
        given = [ports.free_server_port() for _ in others]
        again = ports.free_server_port()

    assert sorted(given) == sorted(others)
    assert again == given[0]
