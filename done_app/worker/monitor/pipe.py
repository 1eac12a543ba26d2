"""A pipe from the processes of a worker to its main process, which the processes never wait for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors

PIPE_BYTES = 1024 * 1024  # what Linux allows any user; a few seconds of lines
MAX_MESSAGE_BYTES = 4096  # that Linux writes atomically, however many processes write
READ_BYTES = 64 * 1024
MAX_READS = 64

LINE, WORK = b"L", b"W"  # the kinds of message


class Pipe:
    """Made before the fork, and used by the processes at both ends.

    Messages are lines of bytes, written whole or not at all. (On systems other than Linux, two messages
    written at the same moment may mix: then neither can be read.)
    """

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._partial = b""  # the beginning of a message whose end has not been read
        with contextlib.suppress(AttributeError, OSError):  # other systems, or the user's limit is used up
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def put(self, kind: bytes, message: bytes) -> bool:
        """Write a message.

        Args:
            kind: LINE or WORK.
            message: bytes without a line break.

        Returns:
            Whether there was room for it.
        """
        try:
            return os.write(self._in, kind + message + b"\n") > len(message)
        except OSError:
            return False

    def take(self) -> list[bytes]:
        """Read all messages that have arrived, each with its kind as the first byte."""
        parts = [self._partial]
        while (part := self._read()) and len(parts) < MAX_READS:
            parts.append(part)
        self._partial = b"".join([*parts, part])
        *whole, self._partial = self._partial.split(b"\n")
        return [message for message in whole if message]

    def wait(self, within_seconds: float) -> bool:
        """Wait until there is something to read, for at most `within_seconds`; False if there is nothing."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            return bool(selector.select(within_seconds))

    def _read(self) -> bytes:
        try:
            return os.read(self._out, READ_BYTES)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._in)
        os.close(self._out)
