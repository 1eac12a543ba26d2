"""Starts the demo's processes, restarts those that end, and stops them all.

One thread does everything in turns: show new lines, check each process, obey Ctrl-C. So nothing needs a lock,
and a fork copies no half-done work of another thread.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import Self

from donebit.demo.errors import CannotStart, StopRequested
from donebit.demo.forks import Forks
from donebit.demo.lines import Lines
from donebit.demo.process import Process, Program
from donebit.demo.stop_signals import StopSignals
from donebit.demo.watcher import Watcher

SUPERVISOR = "demo"  # the name on its own lines

TURN_SECONDS = 0.05
GRACE_SECONDS = 8.0  # what the worker may need to finish its running steps


class Processes:
    """All processes, in stages: a stage needs the one before it from its start to its end."""

    def __init__(
        self,
        lines: Lines,
        environment: Mapping[str, str],
        *,
        parent: int | None = None,
        forks: Forks | None = None,
    ) -> None:
        """Prepare to start processes.

        Args:
            lines: Prints their lines, and the supervisor's own.
            environment: The environment of every process.
            parent: Stop when this process is no longer the parent; None: do not watch it.
            forks: Start what is a module of Python, if given.
        """
        self._lines = lines
        self._environment = environment
        self._parent = parent
        self._stages: list[list[Process]] = []
        self._selector = selectors.DefaultSelector()
        self._signals = StopSignals()
        self._forks = forks

    def __enter__(self) -> Self:
        self._signals.listen()
        self._watcher = Watcher()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stage in reversed(self._stages):
            self._stop([process for process in stage if process.running])
        self._signals.ignore()
        self._watcher.close()
        self._selector.close()

    def start(self, *programs: Program) -> None:
        """Start these together, and wait until each that is awaited is ready.

        Raises:
            CannotStart: One ended, or was not ready in its time.
            StopRequested: The demo must stop before they are all ready.
        """
        stage = [Process(program, self._environment, self._watcher, self._forks) for program in programs]
        self._stages.append(stage)
        for process in stage:
            self._start(process)
        while not all(process.ever_ready or not process.program.awaited for process in stage):
            self._turn()

    def keep_running(self) -> None:
        """Restart every process that ends, until asked to stop.

        Raises:
            StopRequested: The demo must stop.
        """
        while True:
            self._turn()

    def say(self, line: str) -> None:
        self._lines.show(SUPERVISOR, line)

    def _turn(self) -> None:
        self._show_lines()
        self._obey()
        if self._watcher.revive():
            self.say("the watcher, which stops everything if the demo is killed, was restarted")
        for process in chain(*self._stages):
            self._look_after(process)

    def _obey(self) -> None:
        orphaned = self._parent is not None and os.getppid() != self._parent
        if self._signals.asked or self._lines.unread or orphaned:
            self.say("stopping")
            raise StopRequested

    def _look_after(self, process: Process) -> None:
        if not process.running:
            self._start_again_when_due(process)
        elif process.exit_code is not None:
            self._bury(process)
        elif process.overdue:
            self._give_up_waiting(process)
        else:
            process.probe()

    def _bury(self, process: Process) -> None:
        """After a process ended: kill what is left of it, and set when to start it again."""
        self._kill(process)  # a process that it started could hold its port
        name, code = process.program.name, process.exit_code
        if not process.ever_ready:
            raise CannotStart(
                f"{name} ended before it was ready (exit code {code}); its lines above may say why"
            )
        self.say(f"{name} ended (exit code {code}), restarting in {process.pause()} s")

    def _start_again_when_due(self, process: Process) -> None:
        if time.monotonic() < process.start_again_at:
            return
        reason = process.refusal()
        if reason is None:
            self._start(process)
            self.say(f"{process.program.name} restarted")
        elif reason:
            self.say(f"{process.program.name} waits to be restarted: {reason}")

    def _give_up_waiting(self, process: Process) -> None:
        name, timeout = process.program.name, process.program.timeout_seconds
        if process.program.awaited:
            raise CannotStart(f"{name} was not ready within {timeout:g} s")
        self.say(f"{name} is running, but was not seen at work for {timeout:g} s")
        process.ever_ready = True

    def _start(self, process: Process) -> None:
        process.start()
        self._selector.register(process, selectors.EVENT_READ)

    def _stop(self, stage: list[Process]) -> None:
        for process in stage:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while self._worth_waiting(stage, deadline):
            self._show_lines()
        for process in stage:
            if process.exit_code is None and not self._signals.hurried:
                self.say(f"{process.program.name} did not stop within {GRACE_SECONDS:g} s, killed")
            self._kill(process)

    def _worth_waiting(self, stage: list[Process], deadline: float) -> bool:
        alive = any(process.exit_code is None for process in stage)
        return alive and time.monotonic() < deadline and not self._signals.hurried

    def _kill(self, process: Process) -> None:
        self._stop_reading(process)
        self._show(process, process.kill())

    def _show_lines(self) -> None:
        """Show new lines, waiting for some for a turn at most."""
        if not self._selector.get_map():
            time.sleep(TURN_SECONDS)  # kqueue does not wait if nothing is registered
        for key, _ in self._selector.select(TURN_SECONDS):
            process = key.fileobj
            assert isinstance(process, Process)  # noqa: S101 - nothing else is registered
            self._show(process, process.read())
            if process.silent:
                self._stop_reading(process)

    def _show(self, process: Process, lines: list[str]) -> None:
        for line in lines:
            self._lines.show(process.program.name, line)

    def _stop_reading(self, process: Process) -> None:
        """Stop reading its output."""
        with suppress(KeyError):  # was not registered any more
            self._selector.unregister(process)
