"""A process started by a test, with everything that it starts in turn: findable, and ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.forked import ForkedCommand, start_module

REPOSITORY = Path(__file__).parents[1]
PROCESSES = Path("/proc")
# What a test starts again and again; as a fresh interpreter it is started by the tests of the demo.
PRELOADED_PROGRAMS = ("trigger_app", "done_app", "distinct_app", "celery")


def eventually(holds: Callable[[], object], within_seconds: float = 10.0, *, what: str = "") -> None:
    """Poll until it holds; fail with `what` when it does not in time.

    What takes longer is asked for less often: each question takes the processor from what is waited for. One
    that was asked in time may be answered later: on a busy machine a single one may take all of the time.
    """
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        if holds():
            return
        assert waited < within_seconds, what or "not in time"
        time.sleep(min(max(0.02, waited / 10), 0.1))


def say(figure: str) -> None:
    """Show what was measured, where tests are run with -s."""
    sys.stdout.write(f"\n{figure}\n")


class Started:
    """The process and its family: whoever works in its folder, in whatever session.

    (A mark in the environment would not do: Valkey writes its title over it.)
    """

    def __init__(self, command: Sequence[str], folder: Path, **environment: str) -> None:
        self._folder = folder
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = _start(tuple(command), folder, os.environ | environment, out, err)

    @property
    def out(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    def wait_for(self, text: str, within_seconds: float = 10.0, *, times: int = 1) -> None:
        """Poll until it has written this, so many times."""

        def written() -> bool:
            assert self.process.poll() is None or self.out.count(text) >= times, self.out + self.err
            return self.out.count(text) >= times

        deadline_missed = f"{text!r} was not written within {within_seconds} s"
        eventually(written, within_seconds, what=deadline_missed)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_code(self, within_seconds: float = 10.0) -> int:
        return self.process.wait(within_seconds)

    def family(self) -> set[int]:
        """Who of it lives; a zombie is nowhere any more."""
        processes = PROCESSES.glob("[0-9]*")
        return {int(process.name) for process in processes if self._works_here(process)}

    def children(self, pid: int | None = None) -> set[int]:
        """Who was started by it, or by another process of its family."""
        return {one for one in self.family() if _parent(one) == (pid or self.process.pid)}

    def child(self, part_of_command: str) -> int:
        """The one process that it started whose command line has this in it."""
        found = [pid for pid in self.family() if _group(pid) == pid != self.process.pid]
        (pid,) = [pid for pid in found if part_of_command in _read(PROCESSES / str(pid) / "cmdline")]
        return pid

    def group(self, leader: int) -> set[int]:
        """Who of it lives in this process group."""
        return {pid for pid in self.family() if _group(pid) == leader}

    def is_gone(self) -> bool:
        return not self.family()

    def _works_here(self, process: Path) -> bool:
        try:
            return (process / "cwd").readlink().is_relative_to(self._folder)
        except OSError:  # it ended just now
            return False

    def end(self) -> None:
        """Whatever the test left."""
        while pids := self.family():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)  # each look at all processes takes as much as some of them need to end
        self.process.wait()


def _start(
    command: tuple[str, ...], folder: Path, environment: Mapping[str, str], out: IO[str], err: IO[str]
) -> subprocess.Popen[bytes] | ForkedCommand:
    if command[:2] == (sys.executable, "-m") and command[2] in PRELOADED_PROGRAMS:
        return start_module(
            command[2], command[3:], folder, environment, stdout=out.fileno(), stderr=err.fileno()
        )
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )


def _read(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended just now
        return ""


def _parent(pid: int) -> int:
    return _status(pid)[1]


def _group(pid: int) -> int:
    return _status(pid)[2]


def _status(pid: int) -> list[int]:
    """What follows the name, less the letter: 0, parent, group; zeros when it ended just now."""
    fields = _read(PROCESSES / str(pid) / "stat").rpartition(")")[2].split()
    return [0, *map(int, fields[1:3])] if fields else [0, 0, 0]
