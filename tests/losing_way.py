"""A way to a Redis server on which the answer to a chosen command gets lost, once the server has run it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from redis import Redis

from donebit.addresses import LOOPBACK
from donebit.store.client import scripts_of


@dataclass(slots=True)
class LosingWay:
    """Passes everything on. In place of an answer that is lost the connection ends, or falls silent.

    Args:
        port: of the server.
        loses: a text of the command, in the bytes that the client sends; empty for none.
        times: how many answers are still to be lost.
        is_silent: whether the connection stays open without an answer.
    """

    port: int
    entrance: socket.socket
    loses: bytes = b""
    times: int = 0
    is_silent: bool = False

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.entrance.getsockname()[1]}/0"

    def lose(self, text: str | bytes, times: int = 1) -> None:
        """Lose the answers to the next commands that contain this."""
        self.loses, self.times = text.encode() if isinstance(text, str) else text, times

    def open(self) -> None:
        while True:
            try:
                client, _ = self.entrance.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection((LOOPBACK, self.port)) as server:
            losing = threading.Event()
            threading.Thread(target=self.pass_back, args=(server, client, losing), daemon=True).start()
            while sent := client.recv(65536):
                if self.times > 0 and self.loses in sent:
                    self.times -= 1
                    losing.set()
                server.sendall(sent)

    def pass_back(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while answer := server.recv(65536):
                if not losing.is_set():
                    client.sendall(answer)
                elif not self.is_silent:
                    break
        with suppress(OSError):  # whoever waits on the other side waits no longer
            client.shutdown(socket.SHUT_RDWR)


def known_script(client: Redis, name: str) -> str:
    """The digest of a script that the server knows from now on: it runs, although its answer is lost."""
    return str(client.script_load(scripts_of(client)[name].script))


@contextmanager
def losing_way_to(port: int) -> Iterator[LosingWay]:
    with socket.create_server((LOOPBACK, 0)) as entrance:
        way = LosingWay(port, entrance)
        accepting = threading.Thread(target=way.open, daemon=True)
        accepting.start()
        yield way
        entrance.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
