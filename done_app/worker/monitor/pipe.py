"""What the processes of a worker tell its main process, without ever waiting for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors

ROOM_BYTES = 1024 * 1024  # what Linux gives anybody; a few seconds of lines
MOST_BYTES = 4096  # that Linux writes whole, however many write at once
TAKEN_AT_ONCE = 64 * 1024
MOST_TAKES = 64

LINE, WORK = b"L", b"W"  # what a message is


class Pipe:
    """Made before the fork, and used by the processes on both of its sides.

    Messages are lines of bytes, and written whole or not at all. (Elsewhere than on Linux two that are
    written at one moment may run into each other: then neither can be read.)
    """

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._begun = b""  # a message of which the end is still to come
        with contextlib.suppress(AttributeError, OSError):  # other systems; or all of a user's room is taken
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, ROOM_BYTES)

    def put(self, kind: bytes, message: bytes) -> bool:
        """Leave a message without a line break in it; whether there was room."""
        try:
            return os.write(self._in, kind + message + b"\n") > len(message)
        except OSError:
            return False

    def take(self) -> list[bytes]:
        """All messages that are there, each with its kind before it."""
        parts = [self._begun]
        while (part := self._read()) and len(parts) < MOST_TAKES:
            parts.append(part)
        self._begun = b"".join([*parts, part])
        *whole, self._begun = self._begun.split(b"\n")
        return [message for message in whole if message]

    def wait(self, within_seconds: float) -> bool:
        """Wait until there is something to take; whether there is."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            return bool(selector.select(within_seconds))

    def _read(self) -> bytes:
        try:
            return os.read(self._out, TAKEN_AT_ONCE)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._in)
        os.close(self._out)
