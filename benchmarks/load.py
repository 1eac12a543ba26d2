"""Sends requests as fast as a server answers them, over a few open connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

CONNECTIONS = 8  # enough that one is always waiting to be served


def a_second(port: int, paths: Iterator[str], seconds: float) -> float:
    """POST one path after another for a time, and return the answers per second.

    Raises:
        RuntimeError: An answer is not 200.
    """
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)
        ]
        for one in sockets:
            send(one, next(paths))
        began, answers = time.perf_counter(), 0
        while (taken := time.perf_counter() - began) < seconds:
            for one in sockets:  # each has its next request under way while the others are looked at
                receive(one)
                send(one, next(paths))
            answers += len(sockets)
        return answers / taken


def send(connection: socket.socket, path: str, method: str = "POST") -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    connection.sendall(request.encode())


def receive(connection: socket.socket) -> None:
    """Read one answer, a JSON object, in one part or in two."""
    answer = b""
    while not answer.endswith(b"}\n"):
        answer += connection.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {answer[:200]!r}")
