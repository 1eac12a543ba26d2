"""Processes of Python modules that begin with what they import already imported, as the demo's do."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

from donebit.demo import preloaded
from donebit.demo.forks import Forked, Forks

PRELOADED = Path(__file__).with_name("preloaded.py")
OF_PROGRAMS = (
    *preloaded.MODULES,
    "donebit.command_line.commands",
    "rich.progress",
    "rich.table",
    "tests.made_documents",
)
OF_REPORTERS = ("donebit.activity.events.single_visit", "donebit.completion.reporting")


class ForkedCommand(Forked):
    """A process whose output is waited for."""

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


def forks_with(modules: Sequence[str]) -> Forks:
    """An interpreter that forks, with these imported."""
    return Forks((sys.executable, str(PRELOADED), *modules))


@cache
def forks() -> Forks:
    """The one of Donebit's own programs."""
    return forks_with(OF_PROGRAMS)


PROGRAM = """#!{python} -IS
import json, os, socket, sys

ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
request = {{"arguments": ["{module}", *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
requests = socket.socket(fileno={requests})
socket.send_fds(requests, [json.dumps(request).encode()], [0, 1, 2, theirs.fileno()])
theirs.close()
ours.recv(64)  # it has begun
sys.exit(int(ours.recv(64)))
"""


def write_program(file: Path, module: str) -> int:
    """Write a program for a shell that runs a module as start_module does.

    Returns:
        The descriptor that the shell has to inherit.
    """
    requests = forks()._requests.fileno()
    file.write_text(PROGRAM.format(python=sys.executable, module=module, requests=requests))
    file.chmod(0o755)
    return requests


def start_module(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: int | None = None,
    stderr: int | None = None,
    stdin: int | None = None,
    by: Forks | None = None,
) -> ForkedCommand:
    """Run a module as a process of its own: with pipes where no descriptor is given, and no input.

    Args:
        by: who forks it, where that is not the one of Donebit's own programs
    """
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
        pid, ending = (by or forks()).start(module, arguments, folder, environment, (stdin, *given))
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return ForkedCommand(pid, ending, *pipes)


def run_module(
    module: str,
    arguments: Sequence[object],
    folder: Path,
    environment: Mapping[str, str],
    *,
    by: Forks | None = None,
    within_seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a module to its end, as `subprocess.run` would by `python -m`."""
    process = start_module(module, [*map(str, arguments)], folder, environment, by=by)
    try:
        out, err = process.communicate(within_seconds)
    finally:
        process.kill()  # where it takes too long
    return subprocess.CompletedProcess(module, process.wait(), out.decode(), err.decode())


def forking_context() -> ForkServerContext:
    """For processes that report: each begins with what it imports already imported."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*OF_REPORTERS])
    return context
