"""What may begin in activity, and what notes that it has begun."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Limits:
    """None, and nothing is noted. A service has those of the request that it answers."""

    def text_room(self) -> int:
        """How many more text ids there may be."""
        return sys.maxsize

    def admit_texts(self, new: int) -> None:
        """Admit so many new text ids. Raises QuotaExceeded if there may not be so many more."""

    def noting_texts(self) -> Callable[[list[int]], None] | None:
        """What notes the numbers of new text ids; None if nothing does."""
        return None

    def note_event(self, event: str) -> None:
        """Note that an event has begun."""

    def note_flag(self, flag: str) -> None:
        """Note that a flag has begun."""


NO_LIMITS = Limits()
