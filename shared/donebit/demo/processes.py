"""Starts the demo's processes, keeps them running, and ends them all.

One thread does everything, turn by turn: show new lines, look after each process, obey Ctrl-C. So nothing
needs a lock, and a fork copies no half-done work of another thread.
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
from donebit.demo.lines import Lines
from donebit.demo.process import Process, Program
from donebit.demo.stop_signals import StopSignals
from donebit.demo.watcher import Watcher

SUPERVISOR = "demo"  # the name on its own lines

TURN_SECONDS = 0.05
GRACE_SECONDS = 8.0  # what the worker may need to finish the steps it is at


class Processes:
    """All of them, by stages: a stage needs the one before it, to start and to the end."""

    def __init__(self, lines: Lines, environment: Mapping[str, str], *, parent: int | None = None) -> None:
        """
        Args:
            lines: where their lines and the supervisor's own are shown
            environment: of every process
            parent: end as soon as this process is no longer the parent of this one
        """
        self._lines = lines
        self._environment = environment
        self._parent = parent
        self._stages: list[list[Process]] = []
        self._selector = selectors.DefaultSelector()
        self._signals = StopSignals()

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
        """Start these at once, and wait until each that is awaited answers.

        Raises:
            CannotStart: one ended, or did not answer in its time.
            StopRequested: before they all answered.
        """
        stage = [Process(program, self._environment, self._watcher) for program in programs]
        self._stages.append(stage)
        for process in stage:
            self._start(process)
        while not all(process.ever_ready or not process.program.awaited for process in stage):
            self._turn()

    def keep_running(self) -> None:
        """Start again whatever ends.

        Raises:
            StopRequested: at last.
        """
        while True:
            self._turn()

    def say(self, line: str) -> None:
        self._lines.show(SUPERVISOR, line)

    def _turn(self) -> None:
        self._show_lines()
        self._obey()
        if self._watcher.revive():
            self.say("the watcher, which ends everything should this be killed, started again")
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
        """After a death: clear away what is left of it, and settle when to start it again."""
        self._kill(process)  # or a grandchild would keep its port
        name, code = process.program.name, process.exit_code
        if not process.ever_ready:
            raise CannotStart(
                f"{name} ended before it answered (exit code {code}); its lines above may say why"
            )
        self.say(f"{name} ended (exit code {code}): starting it again in {process.pause()} s")

    def _start_again_when_due(self, process: Process) -> None:
        if time.monotonic() >= process.start_again_at:
            self._start(process)
            self.say(f"{process.program.name} started again")

    def _give_up_waiting(self, process: Process) -> None:
        name, patience = process.program.name, process.program.patience_seconds
        if process.program.awaited:
            raise CannotStart(f"{name} did not answer within {patience:g} s")
        self.say(f"{name} runs, but has shown no sign of work for {patience:g} s")
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
                self.say(f"{process.program.name} did not end within {GRACE_SECONDS:g} s: killed")
            self._kill(process)

    def _worth_waiting(self, stage: list[Process], deadline: float) -> bool:
        alive = any(process.exit_code is None for process in stage)
        return alive and time.monotonic() < deadline and not self._signals.hurried

    def _kill(self, process: Process) -> None:
        self._deafen(process)
        self._show(process, process.kill())

    def _show_lines(self) -> None:
        """Show what is new, waiting for it a turn at most."""
        if not self._selector.get_map():
            time.sleep(TURN_SECONDS)  # kqueue would not wait for nothing
        for key, _ in self._selector.select(TURN_SECONDS):
            process = key.fileobj
            assert isinstance(process, Process)  # noqa: S101 - nothing else is registered
            self._show(process, process.read())
            if process.silent:
                self._deafen(process)

    def _show(self, process: Process, lines: list[str]) -> None:
        for line in lines:
            self._lines.show(process.program.name, line)

    def _deafen(self, process: Process) -> None:
        """Listen to it no more."""
        with suppress(KeyError):  # done before
            self._selector.unregister(process)
