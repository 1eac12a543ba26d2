"""A worker's clock that is far from the server's: reported in the log and in /health."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from donebit import clock
from donebit.store import Store
from donebit.workers import presence

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ClockWatch:
    """Compares this machine's clock with the server's, by which all that is decided is decided."""

    store: Store
    worker: str
    warned: bool = field(default=False, init=False)

    def check(self) -> None:
        """Note a skew that matters, and log it when it begins and when it is over."""
        presence.follow_clock(self.store)
        matters = abs(clock.skew()) > clock.SKEW_THAT_MATTERS
        if matters:
            presence.record_skew(self.store, self.worker, clock.skew())
        if matters and not self.warned:
            log.warning("%s; Donebit goes by the server's", describe_skew(clock.skew()))
        elif self.warned and not matters:
            log.info("this machine's clock is near that of the Redis server again")
        self.warned = matters


def describe_skew(skew: timedelta) -> str:
    way = "ahead of" if skew > timedelta(0) else "behind"
    return f"this machine's clock is {abs(skew).total_seconds():.1f} s {way} that of the Redis server"
