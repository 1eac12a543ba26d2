"""A limit on how long a step may take."""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

GRACE = timedelta(seconds=5)  # for a step that does not let itself be interrupted, before its process is


class StepTimedOut(Exception):
    """The step outlived its step_timeout."""


@contextmanager
def time_limit(limit: timedelta | None) -> Iterator[None]:
    """Raise StepTimedOut in what takes longer; end the process of what does not heed that.

    The signal reaches Python code only. Whatever holds on beyond the grace, in C or with an `except` that
    catches all, takes its process along: the message comes back, and the attempt has been counted.
    """
    if limit is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise StepTimedOut(f"it took longer than its step_timeout of {limit.total_seconds():g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    faulthandler.dump_traceback_later((limit + GRACE).total_seconds(), exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
