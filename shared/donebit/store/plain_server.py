"""A server that was asked for TLS and speaks without: it waits for the end of a line, and says nothing."""

from __future__ import annotations

import socket

from redis import exceptions

from donebit.store.nodes import ASK_SECONDS, NodeAddress

ANSWERS = (b"+", b"-")  # to PING: that, or an error, as without a password; a TLS server sends neither


class PlainServer(exceptions.ConnectionError):
    """The server is there and does not speak TLS."""


def speaks_plain(address: NodeAddress) -> bool:
    """Whether a server answers without TLS, which one that hangs does not, nor one that speaks it."""
    try:
        with socket.create_connection(address, ASK_SECONDS) as asked:
            asked.sendall(b"PING\r\n")
            return asked.recv(1) in ANSWERS
    except OSError:
        return False
