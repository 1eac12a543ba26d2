"""Refused requests: a line each in the log, and counts for /metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from donebit.errors import REASONS

MOST_LINES = 50  # a second: who is refused must not fill a disk
LONGEST_PATH = 200

log = logging.getLogger(__name__)


class Refusals(Collector):
    """Counts and logs what is refused in this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counter[str]()
        self._second, self._lines = 0, 0

    def note(self, reason: str, method: str, path: str, address: str | None, who: str = "") -> None:
        """Note a refused request.

        Args:
            reason: one of REASONS
            method: of the request
            path: of the request, as it came
            address: of the one who sent it; None where it is not known
            who: the name of the token that it was sent with; empty for none
        """
        with self._lock:
            self._counts[reason] += 1
            left_out = self._begin_line()
        if left_out is None:
            return
        if left_out:
            log.warning("%d more requests were refused within a second", left_out)
        asked = f"{method[:20]!r} {path[:LONGEST_PATH]!r}"  # as it came, so escaped: it must stay one line
        log.warning("refused (%s): %s from %s%s", reason, asked, address, f": {who}" if who else "")

    def note_connections(self, address: str, number: int) -> None:
        """Note connections that were ended, as that address has too many without a token."""
        with self._lock:
            self._counts["connections"] += number
        log.warning("refused (connections): %d of %s, which have brought no token", number, address)

    def _begin_line(self) -> int | None:
        """How many lines of an earlier second were left out; None if this one is to be left out."""
        second, left_out = int(time.monotonic()), 0
        if second != self._second:
            left_out = max(0, self._lines - MOST_LINES)
            self._second, self._lines = second, 0
        self._lines += 1
        return left_out if self._lines <= MOST_LINES else None

    def collect(self) -> Iterable[Metric]:
        """The counts, by why; 0 too, so that a first one is seen as a rise."""
        family = CounterMetricFamily("donebit_refusals", "Requests refused here", labels=["reason"])
        with self._lock:
            for reason in REASONS:
                family.add_metric([reason], self._counts[reason])
        yield family
