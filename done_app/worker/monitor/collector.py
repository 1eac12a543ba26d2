"""The main process's end: reads what the processes send and saves it in Redis a few times a second."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from done_app.worker.monitor.emitter import encode_line
from done_app.worker.monitor.pipe import LINE, Pipe
from done_app.worker.steps.run_counts import RunCounts, RunTotals
from donebit import clock
from donebit.completion import counting
from donebit.completion.measures import Tally
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.workers import presence
from donebit.workers.presence import HEARTBEAT_EVERY, ProcessActivity, Range, Worker

PAUSE_SECONDS = 0.25  # as often as the pages that show it are updated
OUTAGE_PAUSE_SECONDS = 1.0
COUNTS_APART_SECONDS = 1.0
MAX_WAITING_LINES = 2000  # lines, during an outage of Redis; at most 8 MB
LINES_AT_ONCE = 500
COUNTED_SECONDS = presence.THROUGHPUT_SECONDS

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Collector:
    """Saves the log lines of one worker, what it runs, and how many steps it finishes.

    During an outage of Redis the last lines wait; how many were dropped is logged afterwards. Lines whose
    write was not confirmed are written again, so a line may appear twice.
    """

    store: Store
    pipe: Pipe
    worker: Worker
    lines: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    activities: dict[int, ProcessActivity] = field(default_factory=dict)
    steps: Counter[int] = field(default_factory=Counter)
    runs: dict[str | None, RunTotals] = field(default_factory=dict)  # by job, not counted yet
    counts_due_at: float = 0.0
    saved: Worker | None = None
    save_due_at: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _collecting: threading.Lock = field(
        default_factory=threading.Lock
    )  # as the worker stops, two threads may collect

    def run_forever(self) -> None:
        while not self._stopping.is_set():
            self.pipe.wait(max(0.0, self.save_due_at - time.monotonic()))
            self._stopping.wait(PAUSE_SECONDS if self.collect() else OUTAGE_PAUSE_SECONDS)

    def collect(self) -> bool:
        """Read what has been sent and save it.

        Returns:
            Whether it could be saved.
        """
        with self._collecting:
            for message in self.pipe.take():
                self._receive(message)
            try:
                self._save()
            except StoreUnavailable:  # logged often enough by the rest of the worker
                return False
            except Exception:
                log.exception("the worker's state and log lines cannot be saved")
                return False
            return True

    def stop(self) -> None:
        """Save the last lines and drop the worker from the list, so that it is not shown as lost."""
        self._stopping.set()
        if self.collect():
            with suppress(StoreUnavailable):
                presence.forget(self.store, self.worker.name)

    def _receive(self, message: bytes) -> None:
        if message.startswith(LINE):
            self.lines.append(message[1:])
            if len(self.lines) > MAX_WAITING_LINES:
                self.lines.popleft()
                self.dropped += 1
            return
        with suppress(TypeError, ValueError):
            self._receive_activity(*json.loads(message[1:]))

    def _receive_activity(
        self,
        pid: int,
        task_id: str | None,
        ranges: list[Range],
        steps: int,
        since_ms: int | None,
        second: int,
        counts: list[Any],
    ) -> None:
        since = None if since_ms is None else clock.moment_of_ms(since_ms)
        at = tuple((start, stop) for start, stop in ranges)
        self.activities[pid] = ProcessActivity(pid, task_id, at, steps, since)
        for run in (RunCounts(*one) for one in counts):
            if run.job not in self.runs:
                self.runs[run.job] = RunTotals(run.job)
            self.runs[run.job].add(run)
            if run.done:
                self.steps[second] += run.done

    def _save(self) -> None:
        """Save what waits, and the worker's state when it has changed or every few seconds."""
        due = time.monotonic() >= self.save_due_at
        if due:
            self.activities = {pid: one for pid, one in self.activities.items() if is_alive(pid)}
        now = replace(
            self.worker,
            last_seen=clock.now(),
            activities=[self.activities[pid] for pid in sorted(self.activities)],
        )
        changed = due or self.saved is None or now.activities != self.saved.activities
        self._send(now.to_json() if changed else None)
        self.saved = now
        self._add_counts()
        if due:
            self.save_due_at = time.monotonic() + HEARTBEAT_EVERY.total_seconds()
            presence.forget_stale(self.store, clock.now())

    def _add_counts(self) -> None:
        """Add what was counted to the figures of all processes, once a second, and at the end.

        An outage loses what it may have added, rather than counting it twice.
        """
        if self.runs and (self._stopping.is_set() or time.monotonic() >= self.counts_due_at):
            runs, self.runs = self.runs, {}
            tally = Tally()
            for totals in runs.values():
                totals.add_to(tally)
            self.counts_due_at = time.monotonic() + COUNTS_APART_SECONDS
            counting.add_tally(self.store, tally)

    def _send(self, state: str | None) -> None:
        while state is not None or self.steps or self.lines:
            batch = [self.lines[n] for n in range(min(LINES_AT_ONCE, len(self.lines)))]
            lines = [*self._dropped_notice(), *batch]
            presence.save(self.store, self.worker.name, state=state, steps=self._recent_steps(), lines=lines)
            self.dropped = 0
            for _ in batch:
                self.lines.popleft()
            state = None

    def _recent_steps(self) -> dict[int, int]:
        """The finished steps of the last minute. An outage loses them, rather than counting them twice."""
        counted, self.steps = self.steps, Counter()
        newest = max(counted, default=0)
        return {second: steps for second, steps in counted.items() if newest - second < COUNTED_SECONDS}

    def _dropped_notice(self) -> list[bytes]:
        if not self.dropped:
            return []
        text = f"{self.dropped} lines of this worker are missing here: Redis was unavailable"
        return [encode_line(logging.WARNING, text, time.time(), self.worker.name)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
