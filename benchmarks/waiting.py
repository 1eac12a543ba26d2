"""Waits for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    holds: Callable[[], object], within_seconds: float = 60.0, *, every_seconds: float = 0.005
) -> None:
    """
    Raises:
        TimeoutError: The condition was not true in time.
    """
    deadline = time.monotonic() + within_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_seconds:g} s")
        time.sleep(every_seconds)
