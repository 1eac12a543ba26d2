"""Logs that drop lines which come too fast to be read."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

PAUSE = timedelta(seconds=0.1)


class Intervals:
    """When a line about each of some subjects was last written, for what lasts: one in a while is enough."""

    def __init__(self, least: timedelta) -> None:
        self._least_seconds = least.total_seconds()
        self._written_at: dict[str, float] = {}

    def is_due(self, subject: str) -> bool:
        """Whether it is time for a line about the subject; then it is taken as written."""
        now = time.monotonic()
        recent = {one: at for one, at in self._written_at.items() if now - at < self._least_seconds}
        self._written_at = {subject: now} | recent
        return subject not in recent


class ThrottledLog:
    """Logs a line at once, and of those that follow within the pause only the newest, after the pause.

    A line costs a request 20 us of its 150, and nobody reads a thousand lines a second. Thread-safe.
    """

    def __init__(self, log: logging.Logger, pause: timedelta = PAUSE) -> None:
        self._log = log
        self._pause = pause
        self._lock = threading.Lock()
        self.pausing = False
        self._newest: tuple[object, ...] | None = None

    def info(self, message: str, *args: object) -> None:
        with self._lock:
            if self.pausing:
                self._newest = (message, *args)
                return
            self.pausing = True
        self._emit(message, *args)

    def _emit(self, message: str, *args: object) -> None:
        self._log.info(message, *args)
        timer = threading.Timer(self._pause.total_seconds(), self._end_pause)
        timer.daemon = True
        timer.start()

    def _end_pause(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
            self.pausing = newest is not None
        if newest is not None:
            self._emit(str(newest[0]), *newest[1:])
