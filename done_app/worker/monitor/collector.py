"""The main process's side: takes what the processes say, and keeps it in Redis a few times a second."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace

from done_app.worker.monitor.emitter import line
from done_app.worker.monitor.pipe import LINE, Pipe
from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.workers import presence
from donebit.workers.presence import SHOWS_EVERY, AtWork, Range, Worker

PAUSE_SECONDS = 0.25  # as often as the pages that show it are told
PAUSE_WHILE_AWAY_SECONDS = 1.0
MOST_WAITING = 2000  # lines, while Redis is away; 8 MB at the most
LINES_AT_ONCE = 500
COUNTED_SECONDS = presence.THROUGHPUT_SECONDS

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Collector:
    """Keeps the lines of one worker, what it is at, and the steps that it finishes.

    While Redis is away the last lines wait, and how many did not is said when it is back. A line whose
    keeping was not confirmed is kept again: it may stand twice.
    """

    store: Store
    pipe: Pipe
    worker: Worker
    lines: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    at: dict[int, AtWork] = field(default_factory=dict)
    steps: Counter[int] = field(default_factory=Counter)
    shown: Worker | None = None
    show_again_at: float = 0.0
    _ending: threading.Event = field(default_factory=threading.Event)
    _looking: threading.Lock = field(default_factory=threading.Lock)  # once: as it ends, two threads do

    def run_for_ever(self) -> None:
        while not self._ending.is_set():
            self.pipe.wait(max(0.0, self.show_again_at - time.monotonic()))
            self._ending.wait(PAUSE_SECONDS if self.look() else PAUSE_WHILE_AWAY_SECONDS)

    def look(self) -> bool:
        """Take what has been said, and keep it; whether Redis took it."""
        with self._looking:
            for message in self.pipe.take():
                self._hear(message)
            try:
                self._keep()
            except StoreUnavailable:  # the rest of the worker says so often enough
                return False
            except Exception:
                log.exception("what the worker shows of itself cannot be kept")
                return False
            return True

    def end(self) -> None:
        """Keep the last lines; a worker that ends in order is not missed."""
        self._ending.set()
        if self.look():
            with suppress(StoreUnavailable):
                self.store.workers.forget([self.worker.name])

    def _hear(self, message: bytes) -> None:
        if message.startswith(LINE):
            self.lines.append(message[1:])
            if len(self.lines) > MOST_WAITING:
                self.lines.popleft()
                self.dropped += 1
            return
        with suppress(TypeError, ValueError):
            self._hear_work(*json.loads(message[1:]))

    def _hear_work(
        self,
        pid: int,
        task_id: str | None,
        ranges: list[Range],
        steps: int,
        since_ms: int | None,
        finished: int,
        second: int,
    ) -> None:
        since = None if since_ms is None else clock.moment_of_ms(since_ms)
        at = tuple((start, stop) for start, stop in ranges)
        self.at[pid] = AtWork(pid, task_id, at, steps, since)
        if finished:
            self.steps[second] += finished

    def _keep(self) -> None:
        """What waits, and how the worker is when that has changed, and every few seconds."""
        due = time.monotonic() >= self.show_again_at
        if due:
            self.at = {pid: one for pid, one in self.at.items() if lives(pid)}
        now = replace(self.worker, last_seen=clock.now(), at=[self.at[pid] for pid in sorted(self.at)])
        changed = due or self.shown is None or now.at != self.shown.at
        self._send(now.written() if changed else None)
        self.shown = now
        if due:
            self.show_again_at = time.monotonic() + SHOWS_EVERY.total_seconds()
            presence.forget_the_long_gone(self.store, clock.now())

    def _send(self, how: str | None) -> None:
        while how is not None or self.steps or self.lines:
            batch = [self.lines[n] for n in range(min(LINES_AT_ONCE, len(self.lines)))]
            lines = [*self._notice(), *batch]
            self.store.workers.keep(self.worker.name, how=how, steps=self._counted(), lines=lines)
            self.dropped = 0
            for _ in batch:
                self.lines.popleft()
            how = None

    def _counted(self) -> dict[int, int]:
        """The steps of the last minute. They are lost with an outage, rather than counted twice."""
        counted, self.steps = self.steps, Counter()
        newest = max(counted, default=0)
        return {second: steps for second, steps in counted.items() if newest - second < COUNTED_SECONDS}

    def _notice(self) -> list[bytes]:
        if not self.dropped:
            return []
        text = f"{self.dropped} lines of this worker are not kept here: Redis was away"
        return [line(logging.WARNING, text, time.time(), self.worker.name, "")]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
