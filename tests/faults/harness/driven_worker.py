"""The worker with less patience, by a clock that the test drives.

Its time goes hundreds of times faster, and its sweeps do not: they would send the same messages over and
over.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from donebit import clock
from donebit.completion import sweeping
from tests.faults.harness.driven_clock import CLOCK, DrivenClock
from tests.faults.harness.quick_worker import app

__all__ = ["app"]

_driven = DrivenClock(Path(os.environ[CLOCK]))
clock.now, clock.now_ms = _driven.now, _driven.now_ms
sweeping.CHECK_EVERY = timedelta(seconds=10)
sweeping.SWEEPS_APART = app.conf.beat_schedule["sweep"]["schedule"] = timedelta(milliseconds=500)
