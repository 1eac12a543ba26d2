"""A step that ends just as its time is over leaves nothing armed, which would end its process later."""

from __future__ import annotations

import faulthandler
import signal
import time
from contextlib import suppress
from datetime import timedelta

from done_app.worker.steps.time_limit import StepTimedOut, time_limit

LIMIT = timedelta(milliseconds=1)


def test_a_limit_that_is_reached_at_the_very_end_is_called_off() -> None:
    before, left_armed = signal.getsignal(signal.SIGALRM), 0
    for spare in range(500):  # ends up to a quarter of the limit before it, so that some end with it
        end = time.perf_counter() + LIMIT.total_seconds() * (1 - spare / 2000)
        with suppress(StepTimedOut), time_limit(LIMIT):
            while time.perf_counter() < end:
                pass
        if signal.getsignal(signal.SIGALRM) is not before:
            left_armed += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            faulthandler.cancel_dump_traceback_later()

    assert left_armed == 0
