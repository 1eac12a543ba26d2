"""A limit on how long a step may take."""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

GRACE = timedelta(seconds=5)  # for a step that ignores the interrupt; then its process is ended


class StepTimedOut(Exception):
    """The step took longer than its step_timeout."""


@contextmanager
def time_limit(limit: timedelta | None) -> Iterator[None]:
    """Raise StepTimedOut in a block that takes longer than the limit.

    The signal reaches Python code only. A block that still runs 5 seconds later, in C or because it catches
    every exception, ends the process: its message is redelivered, and the attempt has been counted.

    Args:
        limit: None for no limit. There is none outside the main thread either.
    """
    if limit is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    over = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not over:
            raise StepTimedOut(f"it took longer than its step_timeout of {limit.total_seconds():g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        faulthandler.dump_traceback_later((limit + GRACE).total_seconds(), exit=True)
        signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
        yield
    finally:
        over = True  # first: raised in between, it would leave armed what ends the process
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
