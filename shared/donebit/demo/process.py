"""A program of the demo, and the process that runs it at present."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from donebit.demo.errors import CannotStart
from donebit.demo.forks import Forked, Forks
from donebit.demo.probes import Probe
from donebit.demo.watcher import Watcher

PROBE_EVERY_SECONDS = 0.05
LONGEST_LINE = 65_536  # as much as a pipe holds: one read empties it

LONGEST_PAUSE_SECONDS = 10
STEADY_SECONDS = 60.0  # after that long, the pauses before a restart begin at one second again


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to see that it is ready."""

    name: str
    argv: tuple[str, ...]
    ready: Probe
    awaited: bool = True  # False: the start does not wait for it
    timeout_seconds: float = 60.0  # until it is ready; long, since a first start compiles every module
    inherits: tuple[int, ...] = ()  # file descriptors
    unshown: tuple[str, ...] = ()  # lines that contain one of these are not shown
    environment: Mapping[str, str] = field(default_factory=dict)  # beyond that of every process
    refusal: Callable[[], str | None] = lambda: None  # why it cannot be started again now, asked before

    @property
    def module(self) -> str | None:
        """The module that it runs; None if it is no Python, or other code."""
        return self.argv[2] if self.argv[:2] == (sys.executable, "-m") else None


class Process:
    """A program in a session of its own, with all that it starts itself; it may be started again.

    Because of its own session it does not get a terminal's Ctrl-C: the supervisor decides when it ends.
    """

    def __init__(
        self, program: Program, environment: Mapping[str, str], watcher: Watcher, forks: Forks | None = None
    ) -> None:
        self.program = program
        self.running = False  # from start to kill; its main process may have ended already
        self.silent = False  # its output was closed by all that wrote to it
        self.ever_ready = False
        self.start_again_at = 0.0
        self._refused = False
        self._environment = environment
        self._watcher = watcher
        self._forks = forks  # starts Python's modules, if given
        self._deaths = 0
        self._next_probe = 0.0
        self._unfinished = b""  # a line whose end is not read yet

    def start(self) -> None:
        """Start the program.

        Raises:
            CannotStart: There is no such program.
        """
        try:
            self._popen = self._spawn()
        except OSError as error:
            raise CannotStart(f"{self.program.name} cannot be started: {error}") from None
        self._watcher.remember(self._popen.pid)
        self.running, self.silent = True, False
        self._started_at = time.monotonic()
        os.set_blocking(self.fileno(), False)

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    @property
    def overdue(self) -> bool:
        return not self.ever_ready and time.monotonic() > self._started_at + self.program.timeout_seconds

    def probe(self) -> None:
        """Probe it, unless it was ready before or was probed a moment ago."""
        if not self.ever_ready and time.monotonic() >= self._next_probe:
            self.ever_ready = self.program.ready()
            self._next_probe = time.monotonic() + PROBE_EVERY_SECONDS

    def pause(self) -> int:
        """Set when to start it again after it ended, and return the seconds until then."""
        steady = time.monotonic() - self._started_at > STEADY_SECONDS
        self._deaths = 1 if steady else self._deaths + 1
        seconds = min(self._deaths, LONGEST_PAUSE_SECONDS)
        self.start_again_at = time.monotonic() + seconds
        return seconds

    def refusal(self) -> str | None:
        """Ask why it cannot be started again now, and put that off by a second if it cannot.

        Returns:
            The reason, the first time; an empty text afterwards; None if it can be started.
        """
        reason = self.program.refusal()
        first, self._refused = not self._refused, reason is not None
        if reason is None:
            return None
        self.start_again_at = time.monotonic() + 1
        return reason if first else ""

    def fileno(self) -> int:
        return self._output.fileno()

    def read(self) -> list[str]:
        """Return the lines written since the last call; an unfinished one waits for its end."""
        try:
            chunk = os.read(self.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return []
        self.silent = not chunk
        *whole, self._unfinished = (self._unfinished + chunk).split(b"\n")
        if self.silent or len(self._unfinished) > LONGEST_LINE:
            whole.append(self._unfinished)
            self._unfinished = b""
        return [text for line in whole if line and self._is_shown(text := _text(line))]

    def _is_shown(self, line: str) -> bool:
        return not any(part in line for part in self.program.unshown)

    def terminate(self) -> None:
        """Ask its main process to end, which ends the others itself."""
        if self.exit_code is None:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> list[str]:
        """Kill its whole process group, and return its last lines."""
        with suppress(ProcessLookupError, PermissionError):  # no process is left (macOS: only zombies)
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._watcher.forget(self._popen.pid)
        self.running = False
        last = self.read() + self.read()  # the second finds the end, and returns an unfinished line
        self._output.close()
        return last

    @property
    def _output(self) -> BinaryIO:
        assert self._popen.stdout is not None  # noqa: S101 - it was asked for as a pipe
        return self._popen.stdout  # type: ignore[return-value] # typeshed's IO[bytes] is this here

    def _spawn(self) -> subprocess.Popen[bytes] | Forked:
        environment = {**self._environment, **self.program.environment}
        if self._forks is not None and self.program.module is not None:
            return self._fork(self._forks, self.program.module, environment)
        return subprocess.Popen(
            self.program.argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self.program.inherits,
            preexec_fn=self._watcher.enrol,  # noqa: PLW1509 - safe: the supervisor has one thread
        )

    def _fork(self, forks: Forks, module: str, environment: dict[str, str]) -> Forked:
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb", buffering=0)
        with Path(os.devnull).open() as nothing, os.fdopen(writing, "wb") as written:
            descriptors = (nothing.fileno(), written.fileno(), written.fileno())
            pid, ending = forks.start(
                module,
                self.program.argv[3:],
                Path.cwd(),
                environment,
                descriptors,
                enrol=[self._watcher.enrolling],
            )
        return Forked(pid, ending, output)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
