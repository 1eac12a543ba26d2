"""What is too dear to be read four times a second for those who watch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(slots=True)
class LastReads:
    """When each thing was last read for those who watch it.

    Attributes:
        every: how often each is read
    """

    every: timedelta
    at: dict[str, float] = field(default_factory=dict)

    def is_recent(self, about: str) -> bool:
        """Whether this was read just now; else it is now."""
        now = time.monotonic()
        for one, at in list(self.at.items()):
            if now - at >= self.every.total_seconds():
                self.at.pop(one, None)
        return self.at.setdefault(about, now) != now

    def forget(self) -> None:
        """Have all be read again: who begins to watch must not be shown what is older than the page."""
        self.at.clear()
