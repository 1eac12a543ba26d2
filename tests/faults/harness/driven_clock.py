"""A clock that a test moves for several processes: a number in a file, which each of them has mapped."""

from __future__ import annotations

from datetime import datetime, timedelta
from mmap import mmap
from pathlib import Path

from donebit import clock

CLOCK = "DRIVEN_CLOCK"  # what the environment of such a process calls the file
SIZE = 8  # of a number of milliseconds; it is written, and read, at once


class DrivenClock:
    """The present as records, leases and sweeps read it; the server's own clock goes on as it does."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._ms = memoryview(mmap(opened.fileno(), SIZE)).cast("q")

    @classmethod
    def beginning_at(cls, moment: datetime, file: Path) -> DrivenClock:
        """A clock in a file that is made for it."""
        file.write_bytes(bytes(SIZE))
        made = cls(file)
        made.set(moment)
        return made

    def now_ms(self) -> int:
        return self._ms[0]

    def now(self) -> datetime:
        return clock.moment_of_ms(self.now_ms())

    def set(self, moment: datetime) -> None:
        self._ms[0] = clock.ms_since_epoch(moment)

    def forward(self, **duration: float) -> None:
        self.set(self.now() + timedelta(**duration))
