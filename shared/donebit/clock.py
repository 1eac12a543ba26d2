"""The current time, and times in the units that records hold."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime.fromtimestamp(0, UTC)
# A smaller difference to the server's clock is the way of its answer, and would make times step back.
TOLERATED = timedelta(milliseconds=200)
SKEW_THAT_MATTERS = timedelta(seconds=2)
# Nothing regular is put off for as long: what is further ahead was written before the server's clock was set
# back, and is not waited for.
SET_BACK = timedelta(minutes=10)

_ahead_us = 0  # by how much the server's clock is ahead of this machine's


def now() -> datetime:
    """The present by the Redis server's clock, which all processes share, as far as it is known."""
    return EPOCH + timedelta(microseconds=time.time_ns() // 1000 + _ahead_us)


def now_ms() -> int:
    return (time.time_ns() // 1000 + _ahead_us) // 1000


def monotonic() -> float:
    """Seconds of a clock that nobody sets; from it is seen how long the server was waited for."""
    return time.monotonic()


def follow(server_us: int, asked_at: float | None = None) -> None:
    """Follow the server's clock from now on: times of several machines are compared with each other.

    Args:
        server_us: its time just now, in us since the epoch.
        asked_at: when it was asked, by monotonic(). It has answered at any time since then, so what is read
            late, by a process that had to wait for its machine, does not move a clock that may be right.
    """
    global _ahead_us  # noqa: PLW0603 - one clock for a process
    ahead_us = server_us - time.time_ns() // 1000
    took_us = 0 if asked_at is None else int((monotonic() - asked_at) * 1e6)
    tolerated_us = TOLERATED // timedelta(microseconds=1)
    if not ahead_us - tolerated_us <= _ahead_us <= ahead_us + took_us + tolerated_us:
        _ahead_us = ahead_us


def skew() -> timedelta:
    """By how much this machine's clock is ahead of the server's; negative when it is late."""
    return timedelta(microseconds=-_ahead_us)


def ms_since_epoch(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment_of_ms(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, as every answer writes a time: 2026-11-21T03:04:05.678Z."""
    digits = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=digits).replace("+00:00", "Z")
