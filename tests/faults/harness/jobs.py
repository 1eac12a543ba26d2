"""The steps of tortured tasks: each run leaves its line outside Redis."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from functools import cache
from typing import Any

from donebit import job


@cache
def opened(file: str) -> int:
    """The file, for lines at its end; open once in each process, as a task has up to 100,000 lines."""
    return os.open(file, os.O_WRONLY | os.O_APPEND)


@job("tally", max_attempts=2, backoff=timedelta(milliseconds=50))
def tally(step: int, *, file: str, pause_ms: int = 0, deadly: Any = ()) -> None:
    """Take a while, and say that this step has run; a deadly one then kills its process."""
    time.sleep(pause_ms / 1000)
    os.write(opened(file), b"%d\n" % step)
    if step in deadly:
        os.kill(os.getpid(), signal.SIGKILL)


@job("endure", max_attempts=12, backoff=timedelta(milliseconds=50))
def endure(step: int, *, file: str, pause_ms: int = 0, deadly: Any = ()) -> None:
    """The same, whatever befalls its processes."""
    tally(step, file=file, pause_ms=pause_ms, deadly=deadly)
