"""Connecting to a host that has several addresses: each is tried, and the first that answers is taken.

As RFC 8305 ("Happy Eyeballs") has it: in the order of the resolver (RFC 6724) with the families in turn,
each a moment after the one before. So an address that answers nobody costs a moment and not the delivery.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import chain, zip_longest
from typing import NamedTuple, cast

HEAD_START_SECONDS = 0.25  # of each address before the next, as RFC 8305 advises
IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class Address(NamedTuple):
    """An address of a host and a port at it, as `socket` takes it."""

    family: int
    sockaddr: tuple[str | int, ...]

    @property
    def ip(self) -> str:
        return str(self.sockaddr[0])


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host in the order to try them, each once.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique = dict.fromkeys(Address(family, cast(tuple[str | int, ...], at)) for family, _, _, _, at in found)
    return families_in_turn(unique)


def families_in_turn(addresses: Iterable[Address]) -> list[Address]:
    """The same addresses, IPv6 and IPv4 alternating, beginning with the family that stands first."""
    by_family: dict[int, list[Address]] = {}
    for address in addresses:
        by_family.setdefault(address.family, []).append(address)
    rounds = zip_longest(*by_family.values())
    return [address for address in chain.from_iterable(rounds) if address is not None]


def connect_first(addresses: Sequence[Address], seconds: float) -> socket.socket:
    """Connect to whichever of the addresses answers first.

    Args:
        addresses: at least one, in the order to try them.
        seconds: how long all of it may take.

    Returns:
        A connected socket.

    Raises:
        OSError: none answered, and what each did instead.
    """
    with Race(addresses) as race:
        connected = race.run(time.monotonic() + seconds)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the body must not wait for the headers
    return connected


class Race(ExitStack):
    """Connections to several addresses that are being opened at once; those that lose are closed."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        super().__init__()
        self._left = deque(addresses)
        self._opening = self.enter_context(selectors.DefaultSelector())
        self._failures: list[str] = []

    def run(self, deadline: float) -> socket.socket:
        """Open one connection after the other, until one stands. Raises OSError when none does."""
        begin_at = time.monotonic()
        while self._left or self._opening.get_map():
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError("; ".join([*self._failures, *self._silent()]))
            if self._left and (now >= begin_at or not self._opening.get_map()):
                self._begin(self._left.popleft())
                begin_at = now + HEAD_START_SECONDS
            pause = min(begin_at, deadline) if self._left else deadline
            if connected := self._first_of(max(0.0, pause - time.monotonic())):
                return connected
        raise OSError("; ".join(self._failures))

    def _begin(self, address: Address) -> None:
        try:
            one = self.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
        except OSError as error:  # a machine without that family
            self._failures.append(f"{address.ip}: {error.strerror}")
            return
        one.settimeout(0)
        code = one.connect_ex(address.sockaddr)
        if code in (0, *IN_PROGRESS):
            self._opening.register(one, selectors.EVENT_WRITE, address)
        else:
            self._failures.append(f"{address.ip}: {os.strerror(code)}")

    def _first_of(self, seconds: float) -> socket.socket | None:
        """A connection that stands, as soon as one does; None when none does within those seconds."""
        if not self._opening.get_map():
            return None
        for key, _ in self._opening.select(seconds):
            one = cast(socket.socket, key.fileobj)
            self._opening.unregister(one)
            code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return socket.socket(one.family, one.type, one.proto, fileno=one.detach())
            self._failures.append(f"{key.data.ip}: {os.strerror(code)}")
        return None

    def _silent(self) -> list[str]:
        return [f"{key.data.ip}: timed out" for key in self._opening.get_map().values()]
