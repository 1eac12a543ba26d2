"""`python -m benchmarks.dashboard.clients PORT PATH...`: hold an event stream at each path until stdin ends.

It uses one thread, which reads and discards, since it shares the machine with the service. It writes a line
once every stream has sent something, and at the end the bytes received since and the processor time used.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from donebit.addresses import LOOPBACK

AT_ONCE = 1 << 18
FIRST = b"data: "


@dataclass(slots=True)
class Heard:
    """The bytes received since it was begun, and the processor time used."""

    bytes: int = 0
    began: float = field(default_factory=time.monotonic)
    processor: float = field(default_factory=time.process_time)

    def report(self) -> str:
        seconds, processor = time.monotonic() - self.began, time.process_time() - self.processor
        return json.dumps({"bytes": self.bytes, "seconds": seconds, "processor": processor})


def main(port: int, paths: Sequence[str]) -> None:
    """Read the streams; exits with a sentence if a stream ends before stdin does."""
    streams = [opened(port, path) for path in paths]
    for stream in streams:
        while FIRST not in received(stream, memoryview(bytearray(AT_ONCE))):
            pass
    print("open", flush=True)
    print(listened(streams).report())


def opened(port: int, path: str) -> socket.socket:
    stream = socket.create_connection((LOOPBACK, port))
    request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAccept: text/event-stream\r\n\r\n"
    stream.sendall(request.encode())
    return stream


def listened(streams: Sequence[socket.socket]) -> Heard:
    """Read until stdin ends."""
    heard, room = Heard(), memoryview(bytearray(AT_ONCE))
    with selectors.DefaultSelector() as selector:
        for one in (sys.stdin, *streams):
            selector.register(one, selectors.EVENT_READ)
        ready: list[object] = []
        while sys.stdin not in ready:
            ready = [key.fileobj for key, _ in selector.select()]
            heard.bytes += sum(len(received(one, room)) for one in ready if isinstance(one, socket.socket))
    return heard


def received(stream: socket.socket, room: memoryview) -> bytes:
    size = stream.recv_into(room)
    if not size:
        sys.exit("a stream has ended")
    return room[:size].tobytes()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
