"""A way to a server on which the answers to scripts get lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from donebit.addresses import LOOPBACK


@dataclass
class LossyWay:
    """Passes everything on, except what is answered on a connection after a script was sent there."""

    server_port: int
    entrance: socket.socket
    scripts_sent: list[bytes] = field(default_factory=list)

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

    def pass_on(self, client: socket.socket) -> None:
        lost = threading.Event()
        with client, socket.create_connection((LOOPBACK, self.server_port)) as server:
            back = threading.Thread(target=self.pass_back, args=(server, client, lost), daemon=True)
            back.start()
            while sent := client.recv(65536):
                if b"EVALSHA" in sent:
                    lost.set()
                    self.scripts_sent.append(sent)
                server.sendall(sent)
            server.shutdown(socket.SHUT_RDWR)
            back.join(10)

    @staticmethod
    def pass_back(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        while answer := server.recv(65536):
            if not lost.is_set():
                client.sendall(answer)


@contextmanager
def lossy_way_to(server_port: int) -> Iterator[LossyWay]:
    with socket.create_server((LOOPBACK, 0)) as entrance:
        way = LossyWay(server_port, entrance)
        accepting = threading.Thread(target=way.open, daemon=True)
        accepting.start()
        yield way
        entrance.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
