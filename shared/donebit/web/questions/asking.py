"""Asks the processes that compute questions: beside a thread that computes, marks would wait for Python."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, Concatenate, ParamSpec, TypeVar

from flask import Flask, current_app

from donebit import deadline
from donebit.activity.site import Site
from donebit.config import Settings
from donebit.deadline import Deadline
from donebit.errors import AnswerLost
from donebit.throttled_log import Intervals
from donebit.web.questions.process import Call, Outcome, fork_for_each

EXTENSION = "donebit_questions"
MOST_AT_ONCE = 16  # of a service's process; further questions wait
KEPT_SECONDS = 30.0  # without a question; a process ends by itself some time later
GRACE_SECONDS = 1.0  # beyond its time; a process that has not answered by then is killed
LINE_EVERY = timedelta(minutes=1)  # about what lasts: the process that forks is not started again

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class QuestionProcess:
    """One process, asked one question at a time."""

    def __init__(self, connection: Connection, until: Deadline | None) -> None:
        """
        Raises:
            EOFError: the process ends before it has begun.
            TookTooLong: it has not begun in the time of the question that it is to be asked.
        """
        self._connection = connection
        if not self._has_said(until):
            connection.close()
            deadline.refuse_late()
        self._pid: int = connection.recv()
        self._used_at = time.monotonic()

    @property
    def is_there(self) -> bool:
        """Whether it can be asked, and will not end just then."""
        return time.monotonic() - self._used_at < KEPT_SECONDS and not self._connection.poll()

    def ask(self, call: Call, until: Deadline | None) -> Outcome:
        """Have it call a function of a site.

        Raises:
            AnswerLost: it has ended.
            TookTooLong: its time was over, and it was killed.
        """
        try:
            self._connection.send((call, until))
            if not self._has_said(until):
                os.kill(self._pid, signal.SIGKILL)
                deadline.refuse_late()
            outcome: Outcome = self._connection.recv()
        except (EOFError, OSError):
            raise AnswerLost("the process that computed the answer has ended; ask again") from None
        self._used_at = time.monotonic()
        return outcome

    def _has_said(self, until: Deadline | None) -> bool:
        return self._connection.poll(None if until is None else until.left + GRACE_SECONDS)

    def close(self) -> None:
        """Let it end."""
        self._connection.close()


class QuestionProcesses:
    """The processes of a service that compute questions, which are forked as they are needed. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Start the one that forks them; this process must have no threads yet."""
        self._requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._starter: BaseProcess = get_context("fork").Process(
                target=fork_for_each, args=(theirs, settings), name="questions", daemon=True
            )
            self._starter.start()
        Finalize(None, self._requests.close, exitpriority=1)  # which ends it
        # By which it is no zombie if it is killed.
        threading.Thread(target=self._starter.join, name="questions", daemon=True).start()
        self._room = threading.Semaphore(MOST_AT_ONCE)
        self._idle: deque[QuestionProcess] = deque()
        self._lines = Intervals(LINE_EVERY)

    def ask(self, site: Site, call: Call) -> Any:
        """Call a function of a site elsewhere; here, if there can be no process.

        Raises:
            AnswerLost: the process was killed.
            TookTooLong: the time of the question is over.
        """
        until = deadline.current()
        while not self._room.acquire(timeout=None if until is None else max(0.0, until.left)):
            deadline.refuse_late()
        try:
            process = self._idle_one() or self._start_one(until)
            if process is None:
                return call(site)
            outcome = self._ask(process, call, until)
        finally:
            self._room.release()
        if outcome.error is not None:
            raise outcome.error from outcome.cause
        return outcome.answer

    def _ask(self, process: QuestionProcess, call: Call, until: Deadline | None) -> Outcome:
        try:
            outcome = process.ask(call, until)
        except BaseException:
            process.close()
            raise
        self._idle.append(process)
        return outcome

    def _idle_one(self) -> QuestionProcess | None:
        with suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.is_there:
                    return process
                process.close()
        return None

    def _start_one(self, until: Deadline | None) -> QuestionProcess | None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._requests, [b"+"], [theirs.fileno()])
            except OSError:
                ours.close()
                if self._lines.is_due("starter"):
                    log.exception("the process that forks is gone: the service computes its questions itself")
                return None
        try:
            return QuestionProcess(Connection(ours.detach()), until)
        except (EOFError, OSError):
            log.warning("a process for questions could not be started: the service computes this one itself")
            return None


def start(settings: Settings) -> QuestionProcesses | None:
    """Begin, before this process has threads; None where a fork is not safe."""
    return QuestionProcesses(settings) if sys.platform == "linux" else None


def register(app: Flask, processes: QuestionProcesses | None) -> None:
    """Have the questions to a service asked there."""
    app.extensions[EXTENSION] = processes


def answer_to(
    function: Callable[Concatenate[Site, Given], Answer],
    site: Site,
    *args: Given.args,
    **kwargs: Given.kwargs,
) -> Answer:
    """What a function of a site returns, computed by another process where the service has them.

    Args:
        function: changes nothing; of a module, as are the classes of all that it takes and returns.
    """
    processes: QuestionProcesses | None = current_app.extensions.get(EXTENSION)
    if processes is None:
        return function(site, *args, **kwargs)
    answer: Answer = processes.ask(site, Call(function, args, kwargs))
    return answer
