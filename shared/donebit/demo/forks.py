"""Processes of Python modules that begin with what they import already imported: see preloaded.py."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO

ROOM = " " * 300  # for the commands of the processes, where the system lists them
DEMO = (sys.executable, "-m", "donebit.demo.preloaded")


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of which each receives what the other sends as it was sent: in one piece, and alone."""
    return socket.socketpair(type=socket.SOCK_SEQPACKET)


class Forked:
    """What `subprocess.Popen` is, of a process whose parent is another."""

    def __init__(
        self,
        pid: int,
        ending: socket.socket,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> None:
        self.pid = pid
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._ending = ending

    def __del__(self) -> None:
        self._ending.close()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ending], [], [], timeout)[0]:
            said = self._ending.recv(64)
            self.returncode = int(said) if said else -signal.SIGKILL
            self._ending.close()  # in a cycle of objects it may be collected before __del__
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and its exit code is on its way
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forks:
    """The interpreter that forks; it ends with the process that asks it.

    Args:
        command: starts it
    """

    def __init__(self, command: Sequence[str] = DEMO) -> None:
        self._command = command
        self._asking = Lock()
        self._begin()

    def _begin(self) -> None:
        self._requests, theirs = pair()
        command = (*self._command, str(theirs.fileno()), ROOM)
        with theirs:
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)

    def close(self) -> None:
        """End it. It would end by itself once nobody can ask any more, be that by a kill of this process."""
        self._requests.close()
        self._process.terminate()  # it may be importing
        self._process.wait()

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        *,
        enrol: Sequence[int] = (),
    ) -> tuple[int, socket.socket]:
        """Start what `python -m module` would, on these three descriptors.

        Args:
            enrol: at most one descriptor; the process writes a line with its number to it first of all.

        Returns:
            Its process number, and the socket on which its exit code will come.

        Raises:
            OSError: the interpreter that forks has ended, or the process before it had begun.
        """
        request = {"arguments": [module, *arguments], "folder": str(folder), "environment": dict(environment)}
        asked = json.dumps(request).encode(), [*descriptors], [*enrol]
        with self._asking:
            said, ours = self._ask(*asked)
            if not said:  # it was killed before it answered
                ours.close()
                self.close()
                self._begin()
                said, ours = self._ask(*asked)
        if not said.startswith(b"+"):
            ours.close()
            raise OSError("it ended before it began" if said else "the process that starts it has ended")
        return int(said), ours

    def _ask(
        self, request: bytes, descriptors: Sequence[int], enrol: Sequence[int]
    ) -> tuple[bytes, socket.socket]:
        """Send a request, and return the answer, empty if none came, and the socket that it came on."""
        ours, theirs = pair()
        with theirs, suppress(BrokenPipeError):
            socket.send_fds(self._requests, [request], [*descriptors, theirs.fileno(), *enrol])
        return ours.recv(64), ours
