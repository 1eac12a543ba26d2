"""The pool process's end: sends log lines and what the process runs, without waiting."""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from done_app.worker.monitor.pipe import LINE, MAX_MESSAGE_BYTES, WORK, Pipe
from done_app.worker.steps.run_counts import RunCounts
from done_app.worker.steps.time_limit import StepTimedOut
from donebit import clock, logs
from donebit.utf8 import shortened

MAX_LINE_LENGTH = 3000  # of a line, traceback included
MAX_RANGES = 3  # of a message's steps that are shown
COUNTS_A_MESSAGE = 10  # of at most 250 bytes each
MOST_UNSENT = 1000  # counts, where lines fill the pipe again and again

Range = tuple[int, int]

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class LineHandler(logging.Handler):
    """Writes each log line to the pipe, in addition to all other handlers."""

    def __init__(self, pipe: Pipe, worker: str) -> None:
        super().__init__()
        self.setFormatter(logs.Formatter())
        self._pipe, self._worker = pipe, worker
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except StepTimedOut:
            raise
        except Exception:  # a step may log anything, and must not fail because of it
            self._dropped += 1
            return
        if self._dropped and self._put(logging.WARNING, dropped_notice(self._dropped), record.created):
            self._dropped = 0
        if not self._put(record.levelno, text, record.created):
            self._dropped += 1

    def _put(self, level: int, text: str, at_seconds: float) -> bool:
        about = logs.current_task.get(), logs.current_step()
        return self._pipe.put(LINE, encode_line(level, text, at_seconds, self._worker, *about))


def dropped_notice(lines: int) -> str:
    return f"{lines} of the worker's lines are missing here: they came faster than they could be saved"


def encode_line(
    level: int, text: str, at_seconds: float, worker: str, task_id: str = "", step: int | None = None
) -> bytes:
    """A log line as JSON in UTF-8; the middle of one that would not fit the pipe is cut out.

    Args:
        worker: the worker's name, host:pid and a random part.
        task_id: the task it is about; empty for none.
        step: the step of the task it is about; None for none.
    """
    about = (  # by hand, in half the time that a dictionary takes: each step may have a line
        f'{{"at":{int(at_seconds * 1000)},"level":{encode(logging.getLevelName(level).lower())},'
        f'"worker":{encode(worker)},"pid":{os.getpid()},"task":{encode(task_id)},'
        f'"step":{"null" if step is None else step},"text":'
    )
    most = MAX_LINE_LENGTH
    while len(written := encode_utf8(about, shortened(text, most))) > MAX_MESSAGE_BYTES - 2:
        most //= 2
    return written


def encode_utf8(about: str, text: str) -> bytes:
    return f"{about}{encode(text)}}}".encode(errors="backslashreplace")


@dataclass(slots=True)
class WorkResult:
    """The result of a message, filled in by the code that processes it."""

    counts: RunCounts | None = None


class Emitter:
    """Sends what a process of the worker runs. Does nothing until it is given a pipe."""

    pipe: Pipe | None = None

    def __init__(self) -> None:
        self._unsent = deque[RunCounts](maxlen=MOST_UNSENT)  # for which the pipe had no room yet

    @contextmanager
    def working_on(self, task_id: str, ranges: Sequence[Range] = ()) -> Iterator[WorkResult]:
        """Report that this process runs steps of a task, or fans it out if there are no ranges.

        What is logged inside is marked as being about the task. At the end the process is reported as idle.
        """
        work = WorkResult()
        with logs.task_context(task_id):
            self._send(task_id, ranges, clock.now_ms())
            try:
                yield work
            finally:
                self._end(work)

    def idle(self) -> None:
        """Report that this process is idle."""
        self._send(None)

    def _end(self, work: WorkResult) -> None:
        """Report that this process is idle, and what it did, with what found no room before."""
        if work.counts is not None:
            self._unsent.append(work.counts)
        part = list(islice(self._unsent, COUNTS_A_MESSAGE))
        if self._send(None, counts=part):
            for _ in part:
                self._unsent.popleft()

    def _send(
        self,
        task_id: str | None,
        ranges: Sequence[Range] = (),
        since_ms: int | None = None,
        counts: Sequence[RunCounts] = (),
    ) -> bool:
        """Write a message; False if there was no room for it."""
        if self.pipe is None:
            return True
        steps = sum(stop - start for start, stop in ranges)
        second = clock.now_ms() // 1000
        fields = [os.getpid(), task_id, ranges[:MAX_RANGES], steps, since_ms, second, counts]
        return self.pipe.put(WORK, encode(fields).encode())
