"""Whose connections are ended: of one address beyond its bound, and without a token, the oldest first."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from donebit.web.front import connections
from donebit.web.front.connections import Connections, Peer, peer_of
from donebit.web.front.proxies import TrustedProxies
from tests.started import eventually
from tests.web.held import is_ended

MOST = 3
PROXY = "127.0.0.3"


class Accepted(NamedTuple):
    client: socket.socket
    peer: Peer


class Listening:
    """A port of this process, with the connections to it that a test opens."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server = stack.enter_context(
            socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        )
        self._port = self._server.getsockname()[1]
        self.known: set[Peer] = set()
        self.noted: list[tuple[str, int]] = []
        self.watched = Connections(self._port, MOST, self.known, TrustedProxies([PROXY]), self._note)

    def _note(self, address: str, number: int) -> None:
        self.noted.append((address, number))

    def open(self, number: int, source: str) -> list[Accepted]:
        """Open connections from an address."""
        opened = []
        for _ in range(number):
            client = self._stack.enter_context(
                socket.create_connection((source, self._port), source_address=(source, 0))
            )
            taken = self._stack.enter_context(self._server.accept()[0])
            opened.append(Accepted(client, peer_of(taken)))
        return opened


@pytest.fixture
def listening() -> Iterator[Listening]:
    with ExitStack() as stack:
        yield Listening(stack)


def ended(connections: list[Accepted]) -> list[bool]:
    return [is_ended(one.client) for one in connections]


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_the_oldest_beyond_the_bound_are_ended(listening: Listening, source: str) -> None:
    old = listening.open(2, source)
    listening.watched.check()
    new = listening.open(MOST, source)
    listening.watched.check()
    assert not any(ended(old + new))  # the new ones may be about to ask

    listening.watched.check()

    assert ended(old + new) == [True] * 2 + [False] * MOST
    assert listening.noted == [(old[0].peer[0], 2)]


def test_who_has_shown_a_token_another_address_and_a_proxy_are_not_counted(listening: Listening) -> None:
    known = listening.open(2 * MOST, "127.0.0.1")
    listening.known.update(one.peer for one in known)
    others = [
        *listening.open(MOST, "127.0.0.1"),
        *listening.open(MOST, "127.0.0.2"),
        *listening.open(2 * MOST, PROXY),
    ]

    for _ in range(3):
        listening.watched.check()

    assert not any(ended(known + others))
    assert not listening.noted


def test_who_is_gone_is_forgotten(listening: Listening) -> None:
    (here,) = listening.open(1, "127.0.0.1")
    listening.known.update([here.peer, ("127.0.0.1", "1")])

    listening.watched.check()

    assert listening.known == {here.peer}


def test_they_are_bounded_again_once_a_file_is_free(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    opened = listening.open(MOST + 1, "127.0.0.1")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        listening.watched.watch()
        eventually(lambda: "the connections cannot be looked at" in caplog.text)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    eventually(lambda: ended(opened) == [True, *[False] * MOST], what="none is ended")


def test_what_keeps_them_from_being_looked_at_is_one_line_a_minute(
    listening: Listening, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[int]()

    def open_files() -> list[int]:
        tried.append(len(tried))
        if len(tried) < 4:
            raise OSError("no file is free")
        return []

    monkeypatch.setattr(connections, "CHECK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(connections, "open_files", open_files)
    listening.watched.watch()

    eventually(lambda: len(tried) > 3)
    assert caplog.text.count("the connections cannot be looked at") == 1
