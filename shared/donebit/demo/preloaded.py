"""A Python that has imported what Donebit's programs import, and forks for each that it is asked for.

A process that begins here is a real one: with a number, folder, environment, descriptors, session, signals
and exit code of its own. What it saves is the second that each interpreter spends on the same imports, and
the memory that these take in each. (`forks.py` is the other side.)
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, BinaryIO, cast

MODULES = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.beat",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.worker.consumer",
    "celery.worker.worker",
    "distinct_app.service",
    "done_app.service",
    "donebit.web.serving",
    "kombu.transport.redis",
    "trigger_app.service",
)
LARGEST_REQUEST = 1 << 20
STANDARD = 3  # input, output and errors
ARGUMENTS_BEGIN, ARGUMENTS_END = 45, 46  # fields of /proc/self/stat after the name

Request = dict[str, Any]


class Forking:
    """Forks once a request until nobody can ask any more, and says how each child has ended."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = DefaultSelector()
        self._waiting: dict[int, socket.socket] = {}  # who wants to know of it, by its process number
        self._wakeup, writes = socket.socketpair()
        self._writes = writes
        for end in (self._wakeup, writes):
            end.setblocking(False)  # noqa: FBT003 - of the standard library
        signal.set_wakeup_fd(writes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(requests, EVENT_READ)
        self._selector.register(self._wakeup, EVENT_READ)

    def next_child(self) -> Request | None:
        """Return in each child, with its request; in the parent only at the end, with none."""
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            if self._wakeup in ready:
                self._reap()
            if self._requests in ready:
                said, descriptors, _, _ = socket.recv_fds(self._requests, LARGEST_REQUEST, STANDARD + 2)
                if not said:
                    return None
                if request := self._fork(json.loads(said), descriptors):
                    return request

    def _fork(self, request: Request, descriptors: list[int]) -> Request | None:
        """The request in the child, None in the parent.

        Args:
            descriptors: the standard ones, where the child writes a line with its number and its exit code
                is sent, and those that it writes the same line to before
        """
        pid = os.fork()
        if not pid:
            self._forget()
            for number, descriptor in enumerate(descriptors[:STANDARD]):
                os.dup2(descriptor, number)
            become(request)
            for descriptor in reversed(descriptors[STANDARD:]):
                os.write(descriptor, b"+%d\n" % os.getpid())
            for descriptor in descriptors:
                os.close(descriptor)
            return request
        for descriptor in (*descriptors[:STANDARD], *descriptors[STANDARD + 1 :]):
            os.close(descriptor)
        self._waiting[pid] = socket.socket(fileno=descriptors[STANDARD])
        return None

    def _reap(self) -> None:
        self._wakeup.recv(4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                with self._waiting.pop(pid) as asker, suppress(OSError):  # who asked has gone
                    asker.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _forget(self) -> None:
        """What belongs to the parent alone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for one in (self._requests, self._wakeup, self._writes, *self._waiting.values()):
            one.close()


def become(request: Request) -> None:
    """Be as fresh as an interpreter that was started for this."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = request["arguments"]
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` has it
    show_command([sys.executable, "-m", *sys.argv])
    sys.stdin = reopened(0, "r", "strict")
    sys.stdout = reopened(1, "w", "strict")
    sys.stderr = reopened(2, "w", "backslashreplace")


def reopened(descriptor: int, mode: str, errors: str) -> TextIOWrapper:
    """A standard stream with the encoding and the buffers that Python gives it."""
    encoding, _, named = os.environ.get("PYTHONIOENCODING", "").partition(":")
    unbuffered = mode == "w" and bool(os.environ.get("PYTHONUNBUFFERED"))
    return TextIOWrapper(
        cast(BinaryIO, open(descriptor, f"{mode}b", buffering=0 if unbuffered else -1, closefd=False)),
        encoding=encoding or "utf-8",
        errors=errors if descriptor == 2 else named or errors,
        line_buffering=descriptor == 2 or os.isatty(descriptor),
        write_through=unbuffered,
    )


def show_command(command: Sequence[str]) -> None:
    """Have the system list this process by its command, as far as there is room for it.

    Linux keeps the arguments that a process was started with in its memory, and reads them from there. The
    library `setproctitle` does this too, but where it is installed Granian and Celery give names of their own
    to all services and workers.
    """
    with suppress(OSError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[ARGUMENTS_BEGIN]), int(fields[ARGUMENTS_END])
        text = "".join(f"{argument}\0" for argument in command).encode(errors="surrogateescape")
        with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
            memory.seek(begin)
            memory.write(text[: end - begin - 1].ljust(end - begin, b"\0"))


def begin(descriptor: int, modules: Sequence[str]) -> Callable[[], object]:
    """Return what is to be run, in every process that there will be.

    Args:
        descriptor: of the socket that requests come by
        modules: to import first
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process of several threads must not fork
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or each child would copy all that is there by looking at it
    request = Forking(socket.socket(fileno=descriptor)).next_child()
    if request is None:
        return lambda: None
    return run


def run() -> None:
    """Run the module that was asked for, and end this process as Python would.

    Python would also clear all that was imported, and with that copy it first: ten times the work of a short
    process.
    """
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if not isinstance(end.code, int | None):  # a text, which Python prints
            raise
        code = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined] # as multiprocessing ends its processes
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # of which Python tells
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    begin(int(sys.argv[1]), MODULES)()
