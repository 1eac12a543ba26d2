"""Connections that a test holds open on a service, and what they cost the service."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from donebit.addresses import LOOPBACK

MIB = 1024 * 1024


def allow_many_files() -> None:
    """Let this process open as many files as it may: a connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def held(port: int, sent: bytes, number: int) -> Iterator[list[socket.socket]]:
    """Connections on which this was sent and nothing is read."""
    allow_many_files()
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            one = stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=10))
            one.sendall(sent)
            connections.append(one)
        yield connections


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes, or breaks the connection."""
    taken = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            taken += piece
    return taken


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side has closed it; it has sent nothing."""
    connection.setblocking(False)
    with suppress(BlockingIOError):
        return connection.recv(1) == b""
    return False


def answer_to(port: int, sent: bytes, within_seconds: float = 10.0) -> bytes:
    """What a service answers on a connection of its own, until it closes it."""
    with socket.create_connection((LOOPBACK, port), timeout=within_seconds) as connection:
        connection.sendall(sent)
        return read_all(connection)


def served_in(port: int, head: bytes) -> float:
    """The seconds until the first byte of an answer comes, on a connection of its own."""
    began = time.monotonic()
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - began


class Memory:
    """The memory of the process that answers for a service."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        self.before = self._read("VmRSS")

    def forget_peak(self) -> None:
        """Begin again, from what it has now."""
        (self._folder / "clear_refs").write_text("5")
        self.before = self._read("VmRSS")

    def grown(self) -> int:
        """How many bytes its peak is above what it had before."""
        return self._read("VmHWM") - self.before

    def _read(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024
