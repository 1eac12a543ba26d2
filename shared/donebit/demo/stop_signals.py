"""Ctrl-C and its kin, noted when they come and obeyed when it suits."""

from __future__ import annotations

import signal
import time
from types import FrameType

# `timeout`, a terminal and make may each hand on the same signal: what follows at once is no second wish.
SAME_WISH_SECONDS = 0.5

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Whether somebody wants an end, and whether quickly."""

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
        """All has ended: one more Ctrl-C would only spoil the exit code."""
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif number == signal.SIGINT and now - self._asked_at > SAME_WISH_SECONDS:
            self.hurried = True
