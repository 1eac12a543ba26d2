"""Ports: are the services' own free, and where may the embedded server listen."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Mapping
from contextlib import ExitStack, closing

from donebit.addresses import LOOPBACK
from donebit.demo.errors import CannotStart

# Below what Linux hands out to outgoing connections (32768 and up): while the server is away its clients
# dial its port again and again, and one of them could be given that very port as its own, and keep it.
SERVER_PORTS = range(20_000, 30_000)


def check_free(host: str, ports: Mapping[str, int]) -> None:
    """See that each port can be listened on.

    Args:
        host: the address all of them will be bound to
        ports: the variable that sets each port, and the port

    Raises:
        CannotStart: naming the first port that is taken, and its variable.
    """
    with ExitStack() as held:  # all at once, so that one port given twice is seen too
        for variable, port in ports.items():
            held.enter_context(closing(_listen(host, port, variable)))


def free_server_port() -> int:
    """A loopback port nobody listens on."""
    while True:
        port = secrets.choice(SERVER_PORTS)
        try:
            _bound(LOOPBACK, port).close()
        except OSError:
            continue
        return port


def _listen(host: str, port: int, variable: str) -> socket.socket:
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"{host}:{port} ({variable}) cannot be listened on: {error.strerror}") from None
        advice = f"stop what listens there, or set {variable} to another"
        raise CannotStart(f"port {port} is taken ({variable}): {advice}") from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As the services do: connections of a demo just stopped that linger in TIME_WAIT are in nobody's way.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
