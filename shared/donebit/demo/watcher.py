"""Stops the demo's processes if the demo itself was killed, even by kill -9.

It runs as a process of its own, and reads the numbers of the process groups from a pipe whose writing end
only the supervisor holds. When that end closes, the supervisor is gone for whatever reason, and the watcher
ends the groups. (Linux can signal a child when its parent dies, but not the child's own children.)
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

# For the Redis server to write and sync its file; what the others lose, the sweep finds.
GRACE_SECONDS = 2.0


class Watcher:
    """The watcher process, as the supervisor sees it."""

    def __init__(self) -> None:
        # The reading end stays open here as well: without a reader, a write would raise SIGPIPE.
        self._reading, self._writing = os.pipe()
        self._groups: set[int] = set()  # to be sent to the next watcher, if this one dies
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
        """Send this child's group to the watcher. Called by the child itself between fork and exec.

        The child still holds a copy of the pipe then, so the watcher cannot see the end of the pipe before
        its number: there is no moment in which the supervisor could die and the child stay unknown.
        """
        os.write(self._writing, b"+%d\n" % os.getpid())

    @property
    def enrolling(self) -> int:
        """The descriptor of the pipe, for a child that another process starts and that enrols itself."""
        return self._writing

    def remember(self, group: int) -> None:
        """Remember a group that its child has sent to the watcher, for the next watcher."""
        self._groups.add(group)

    def revive(self) -> bool:
        """Start the watcher again if it has died. Returns whether it had."""
        if self._process.poll() is None:
            return False
        self._process = self._start()
        for group in self._groups:
            os.write(self._writing, b"+%d\n" % group)
        return True

    def forget(self, group: int) -> None:
        """Take back a group that has ended; its number may belong to another process from now on."""
        self._groups.discard(group)
        os.write(self._writing, b"-%d\n" % group)

    def close(self) -> None:
        """Close the pipe; the watcher ends what is still enrolled, then itself."""
        os.close(self._writing)
        os.close(self._reading)
        self._process.wait()


def still_enrolled(lines: Iterable[str]) -> set[int]:
    """Return the groups that were enrolled and not taken back when the pipe closed."""
    groups: set[int] = set()
    for line in lines:
        change: Callable[[int], None] = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    return groups


def end(groups: set[int]) -> None:
    """Send SIGTERM to every group, and after the grace period SIGKILL to what is left."""
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _signal(groups, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> bool:
    """Send a signal to every group. Returns whether any process got it."""
    reached = False
    for group in groups:
        with suppress(OSError):
            os.killpg(group, number)
            reached = True
    return reached


if __name__ == "__main__":
    end(still_enrolled(sys.stdin))
