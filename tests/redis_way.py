"""A way to a Redis server that behaves as networks do: an address that moves, a firewall, a cut cable."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from donebit.addresses import LOOPBACK

LOOK_EVERY_SECONDS = 0.05


@dataclass(eq=False)
class Line:
    """One connection that the way has passed on."""

    silent: bool = False  # nothing passes any more, and neither side is told
    last_sent: float = field(default_factory=time.monotonic)


@dataclass
class Way:
    """Passes bytes on to a server.

    Args:
        port: the server that new connections are led to; open ones stay where they are
        idle_limit_seconds: a connection that is silent for longer is dropped, without a word to anybody
        cut: nothing passes, and nobody is told; new connections are not answered either
    """

    port: int
    entrance: socket.socket
    idle_limit_seconds: float = float("inf")
    cut: bool = False
    lines: list[Line] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.entrance.getsockname()[1]}/0"

    def open(self) -> None:
        while True:
            try:
                client, _ = self.entrance.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def cut_off(self) -> None:
        """Let nothing pass any more, for good on the connections that are open."""
        self.cut = True
        for line in self.lines:
            line.silent = True

    def pass_on(self, client: socket.socket) -> None:
        line = Line(silent=self.cut)
        self.lines.append(line)
        with suppress(OSError), client, socket.create_connection((LOOPBACK, self.port)) as server:
            threading.Thread(target=self.pump, args=(server, client, line), daemon=True).start()
            self.pump(client, server, line)

    def pump(self, source: socket.socket, sink: socket.socket, line: Line) -> None:
        with suppress(OSError):
            while sent := source.recv(65536):
                idle = time.monotonic() - line.last_sent
                line.silent = line.silent or idle > self.idle_limit_seconds
                line.last_sent = time.monotonic()
                if not line.silent:
                    sink.sendall(sent)
        while line.silent and self.entrance.fileno() != -1:  # the other side learns nothing
            time.sleep(LOOK_EVERY_SECONDS)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def way_to(port: int) -> Iterator[Way]:
    with socket.create_server((LOOPBACK, 0), backlog=512) as entrance:
        way = Way(port, entrance)
        accepting = threading.Thread(target=way.open, daemon=True)
        accepting.start()
        yield way
        entrance.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
