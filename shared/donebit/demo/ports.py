"""Checks that the services' ports are free, and finds others for the embedded servers."""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import cache

from donebit.addresses import LOOPBACK
from donebit.demo.errors import CannotStart
from donebit.listening import bound, why_not

# Below the range of Linux for outgoing connections (32768 and up): while the server is down, its clients
# connect again and again, and one of them could get that very port as its own and keep it.
SERVER_PORTS = range(20_000, 30_000)


def check_free(host: str, ports: Mapping[str, int]) -> None:
    """Check that each port can be listened on.

    Args:
        host: The address that all of them will be bound to.
        ports: Each port, by the variable that sets it.

    Raises:
        CannotStart: A port is taken; the message names it and its variable.
    """
    with ExitStack() as held:  # all at once, so that one port used twice is noticed too
        for variable, port in ports.items():
            held.enter_context(closing(_listen(host, port, variable)))


def free_server_port() -> int:
    """Return a free loopback port."""
    (port,) = free_server_ports(1)
    return port


def free_server_ports(count: int) -> list[int]:
    """Return so many free loopback ports, none a second time while there are others.

    For what listens on one given before may only be about to, the first time or again.
    """
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = SERVER_PORTS[next(turns()) % len(SERVER_PORTS)]
            try:
                held.enter_context(closing(bound(LOOPBACK, port)))
            except OSError:
                continue
            found.append(port)
    return found


@cache
def turns() -> Iterator[int]:
    """Return a count that begins anywhere, and not when this is imported: forks would all begin there."""
    return itertools.count(secrets.randbelow(len(SERVER_PORTS)))


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        return bound(host, port)
    except OSError as error:
        raise CannotStart(why_not(error, host, port, variable)) from None
