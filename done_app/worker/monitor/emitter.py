"""A process's side: it says its lines and what it is at, and goes on."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from done_app.worker.monitor.pipe import LINE, MOST_BYTES, WORK, Pipe
from done_app.worker.steps.time_limit import StepTimedOut
from donebit import clock, logs

MOST_CHARACTERS = 3000  # of a line, traceback included
FIRST_RANGES = 3  # of a message's steps, that are shown
CUT = "\n[...]\n"

Range = tuple[int, int]

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class LineHandler(logging.Handler):
    """Leaves each log line on the pipe, beside whatever else is done with it."""

    def __init__(self, pipe: Pipe, worker: str) -> None:
        super().__init__()
        self._pipe, self._worker = pipe, worker
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except StepTimedOut:
            raise
        except Exception:  # what a step logs may be anything, and must not be what it fails of
            self._dropped += 1
            return
        if self._dropped and self._put(logging.WARNING, missing_here(self._dropped), record.created):
            self._dropped = 0
        if not self._put(record.levelno, text, record.created):
            self._dropped += 1

    def _put(self, level: int, text: str, at_seconds: float) -> bool:
        return self._pipe.put(LINE, line(level, text, at_seconds, self._worker, logs.about_task.get()))


def missing_here(lines: int) -> str:
    return f"{lines} of the worker's lines are not kept here: they came faster than they could be"


def line(level: int, text: str, at_seconds: float, worker: str, task_id: str) -> bytes:
    """A log line as it is kept; its middle is cut out where it would not fit the pipe."""
    said = {
        "at": int(at_seconds * 1000),
        "level": logging.getLevelName(level).lower(),
        "worker": worker,
        "pid": os.getpid(),
        "task": task_id,
        "text": shortened(text, MOST_CHARACTERS),
    }
    most = MOST_CHARACTERS
    while len(written := encode(said).encode(errors="backslashreplace")) > MOST_BYTES - 2:
        most //= 2
        said["text"] = shortened(text, most)
    return written


def shortened(text: str, most: int) -> str:
    """A traceback's head and tail say more than its middle."""
    if len(text) <= most:
        return text
    head = most // 3
    return text[:head] + CUT + text[-(most - head - len(CUT)) :]


@dataclass(slots=True)
class Work:
    """What came of a message; for whoever works at it to fill in."""

    finished: int = 0  # steps


class Emitter:
    """What a process of the worker says of its work. Silent until the worker gives it a pipe."""

    pipe: Pipe | None = None

    @contextmanager
    def at_work(self, task_id: str, ranges: Sequence[Range] = ()) -> Iterator[Work]:
        """Say that this process is at steps of a task, or fans it out; what it logs meanwhile is about it."""
        work = Work()
        with logs.task_context(task_id):
            self._say(task_id, ranges, clock.now_ms(), 0)
            try:
                yield work
            finally:
                self._say(None, (), None, work.finished)

    def idle(self) -> None:
        """Say that this process is there."""
        self._say(None, (), None, 0)

    def _say(self, task_id: str | None, ranges: Sequence[Range], since_ms: int | None, finished: int) -> None:
        if self.pipe is not None:
            steps = sum(stop - start for start, stop in ranges)
            said = [os.getpid(), task_id, ranges[:FIRST_RANGES], steps, since_ms, finished, int(time.time())]
            self.pipe.put(WORK, encode(said).encode())
