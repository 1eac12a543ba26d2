"""Ends the demo's processes when the demo itself was killed: by kill -9, nobody else could.

Run as a process of its own, it reads the numbers of the process groups from a pipe whose writing end only the
supervisor holds. When that end closes, the supervisor is gone, whatever ended it, and so shall its groups be.
(Linux could signal a child at its parent's death, but not the child's own children.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

# For the Redis server to write and sync its file; the others lose nothing that the sweep would not find.
GRACE_SECONDS = 2.0


class Watcher:
    """The supervisor's end of it."""

    def __init__(self) -> None:
        # The reading end stays open here as well: without a reader, a write would raise SIGPIPE.
        self._reading, self._writing = os.pipe()
        self._groups: set[int] = set()  # what a new one has to be told, should this one die
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__))],
            stdin=self._reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def enrol(self) -> None:
        """Called by a child itself between fork and exec.

        It still holds a copy of the pipe there, so that the end of the pipe cannot be seen before its
        number: there is no moment in which the supervisor could die and leave it unknown.
        """
        os.write(self._writing, b"+%d\n" % os.getpid())

    def remember(self, group: int) -> None:
        """Called by the supervisor, which outlives a watcher, for what its child has told the watcher."""
        self._groups.add(group)

    def revive(self) -> bool:
        """Start it again if it has died; whether it had."""
        if self._process.poll() is None:
            return False
        self._process = self._start()
        for group in self._groups:
            os.write(self._writing, b"+%d\n" % group)
        return True

    def forget(self, group: int) -> None:
        """The group has ended; its number may be somebody else's from now on."""
        self._groups.discard(group)
        os.write(self._writing, b"-%d\n" % group)

    def close(self) -> None:
        """Let it go; it ends what is still enrolled, then itself."""
        os.close(self._writing)
        os.close(self._reading)
        self._process.wait()


def still_enrolled(lines: Iterable[str]) -> set[int]:
    """The groups that were enrolled and not forgotten when the pipe closed."""
    groups: set[int] = set()
    for line in lines:
        change: Callable[[int], None] = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    return groups


def end(groups: set[int]) -> None:
    """SIGTERM to all of every group, grandchildren too; then SIGKILL to what is left."""
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _signal(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> bool:
    """Whether anybody was there to be signalled."""
    reached = False
    for group in groups:
        with suppress(OSError):
            os.killpg(group, number)
            reached = True
    return reached


if __name__ == "__main__":
    end(still_enrolled(sys.stdin))
