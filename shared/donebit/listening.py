"""Whether a port can be listened on, in a sentence where it cannot."""

from __future__ import annotations

import errno
import socket


def refusal(host: str, port: int, variable: str) -> str | None:
    """Why a port cannot be listened on; None if it can.

    Args:
        host: the address to listen on.
        port: of that address.
        variable: the setting that the port comes from.
    """
    try:
        bound(host, port).close()
    except OSError as error:
        return why_not(error, host, port, variable)
    return None


def why_not(error: OSError, host: str, port: int, variable: str) -> str:
    """The sentence for what listening on a port has failed with; arguments as above."""
    if error.errno != errno.EADDRINUSE:
        return f"{host}:{port} ({variable}) cannot be listened on: {error.strerror}"
    return f"port {port} is taken ({variable}): stop what listens there, or set {variable} to another"


def bound(host: str, port: int) -> socket.socket:
    """Listen on a port.

    Raises:
        OSError: that is not possible.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As the services do: connections of an earlier demo in TIME_WAIT do not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
