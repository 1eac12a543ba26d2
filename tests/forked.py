"""Processes of Python modules that begin with what they import already read: see preloaded.py."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

PRELOADED = Path(__file__).with_name("preloaded.py")


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
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """All that it writes until its end, which is waited for."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pipes = [pipe for pipe in (self.stdout, self.stderr) if pipe and not pipe.closed]
        written = dict.fromkeys(pipes, b"")
        while pipes:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = select.select(pipes, [], [], left)[0]
            if not ready:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            for pipe in ready:
                part = os.read(pipe.fileno(), 65_536)
                written[pipe] += part
                if not part:
                    pipe.close()
                    pipes.remove(pipe)
        self.wait(timeout)
        out, err = (written.get(pipe, b"") if pipe else b"" for pipe in (self.stdout, self.stderr))
        return out, err


class Forks:
    """The interpreter that forks, one of each process of pytest; it ends with it."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        self._asking = Lock()
        command = (sys.executable, str(PRELOADED), str(theirs.fileno()))
        with theirs:
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)

    def close(self) -> None:
        """It ends when nobody can ask any more, be that by a kill of this process."""
        self._requests.close()
        self._process.wait()

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        descriptors: Sequence[int],
    ) -> tuple[int, socket.socket]:
        """Start what `python -m module` would, on these three descriptors.

        Returns:
            Its process number, and the socket on which its exit code will come.
        """
        request = {
            "module": module,
            "arguments": [module, *arguments],
            "folder": str(folder),
            "environment": dict(environment),
        }
        ours, theirs = socket.socketpair()
        with self._asking:
            with theirs:
                asked = [*descriptors, theirs.fileno()]
                socket.send_fds(self._requests, [json.dumps(request).encode()], asked)
            return int(ours.recv(64)), ours


@cache
def forks() -> Forks:
    return Forks()


def start_module(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: int | None = None,
    stderr: int | None = None,
    stdin: int | None = None,
) -> Forked:
    """Run a module as a process of its own: with pipes where no descriptor is given, and no input."""
    opened, pipes = [], []
    if stdin is None:
        stdin = os.open(os.devnull, os.O_RDONLY)
        opened.append(stdin)
    given = []
    for descriptor in (stdout, stderr):
        if descriptor is not None:
            given.append(descriptor)
            continue
        read, write = os.pipe()
        opened.append(write)
        pipes.append(os.fdopen(read, "rb", buffering=0))
        given.append(write)
    try:
        pid, ending = forks().start(module, arguments, folder, environment, (stdin, *given))
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return Forked(pid, ending, *pipes)
