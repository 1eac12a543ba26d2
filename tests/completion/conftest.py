"""A clock that tests of completion move by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from donebit import clock


class HandMovedClock:
    """The present as records, leases and sweeps read it; the server's own clock goes on as it does."""

    def __init__(self) -> None:
        self.moment = clock.moment_of_ms(clock.ms_since_epoch(clock.now()))

    def now(self) -> datetime:
        return self.moment

    def now_ms(self) -> int:
        return clock.ms_since_epoch(self.moment)

    def forward(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


@pytest.fixture
def hand_moved_clock(monkeypatch: pytest.MonkeyPatch) -> HandMovedClock:
    moved = HandMovedClock()
    monkeypatch.setattr(clock, "now", moved.now)
    monkeypatch.setattr(clock, "now_ms", moved.now_ms)
    return moved
