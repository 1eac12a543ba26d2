"""Records Ctrl-C, SIGTERM and SIGHUP, to be obeyed at the next turn."""

from __future__ import annotations

import signal
import time
from types import FrameType

# `timeout`, a terminal and make may each pass on the same signal: one that follows at once does not count.
SAME_SIGNAL_SECONDS = 0.5

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Whether a stop was requested, and whether a second Ctrl-C asked to hurry."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self.hurried = False

    @property
    def asked(self) -> bool:
        return self._asked_at is not None

    def listen(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self._note)

    def ignore(self) -> None:
        """Ignore further signals: all has ended, and one more would only change the exit code."""
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif number == signal.SIGINT and now - self._asked_at > SAME_SIGNAL_SECONDS:
            self.hurried = True
