"""Requests a second, by token and in all: counted in the process, against its share of what all may send.

A share is found out once a second, beside the requests, so that none waits for it. It is as exact as a
second that is over shows: processes that begin to have requests together may let through more for a second.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.store import Store

EVERYBODY = "*"  # no token has that name
MOST_NAMES = 2000  # of tokens, in one second

Totals = Mapping[str, tuple[int, int]]


def share_of(limit: int, mine: int, total: int, processes: int) -> float:
    """How many requests this process may let through in a second.

    Args:
        limit: of all processes together
        mine: how many this one had in a second
        total: how many all had
        processes: how many had some
    """
    if not total:
        return limit
    by_demand = limit * mine / total
    # Who had none before may begin, though the others take all there is.
    return max(limit - (total - mine), by_demand, limit / (processes + 1))


class Rates:
    """Decides which requests of a process are within the limits. Thread-safe."""

    def __init__(
        self, store: Store, of_token: int, in_all: int, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        """
        Args:
            store: over which processes exchange what they had
            of_token: requests a second of one token; 0 for any number
            in_all: requests a second of all together; 0 for any number
            now_ms: a clock, which is to be the same for all processes (ms since the epoch)
        """
        self._store, self._of_token, self._in_all, self._now_ms = store, of_token, in_all, now_ms
        self._lock = threading.Lock()
        self._second = 0
        self._counts = Counter[str]()  # requests of this second, refused ones included
        self._before: Mapping[str, int] = {}  # of the second that was exchanged last
        self._exchanged = 0  # that second
        self._shares: Mapping[str, float] = {}

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return bool(self._of_token or self._in_all)

    def exceeded(self, who: str, *, exempt: bool = False) -> str | None:
        """Count a request, and return the setting whose limit it is beyond, if it is.

        Args:
            who: the name of its token
            exempt: it is counted, and never beyond
        """
        second = self._now_ms() // 1000
        with self._lock:
            if second != self._second:
                self._begin(second)
            self._counts[who if who in self._counts or len(self._counts) < MOST_NAMES else EVERYBODY] += 1
            if not exempt and self._is_beyond(who, self._of_token):
                return "REQUESTS_PER_SECOND_OF_TOKEN"
            self._counts[EVERYBODY] += 1
            if not exempt and self._is_beyond(EVERYBODY, self._in_all):
                return "REQUESTS_PER_SECOND"
        return None

    def _is_beyond(self, who: str, limit: int) -> bool:
        return bool(limit) and self._counts[who] > max(1.0, self._shares.get(who, limit))

    def _begin(self, second: int) -> None:
        over, counts = self._second, dict(self._counts)
        self._second, self._counts = second, Counter()
        if over:
            threading.Thread(target=self.exchange, args=(over, counts), name="rates", daemon=True).start()

    def exchange(self, second: int, counts: Mapping[str, int]) -> None:
        """Share what this process had in a second with the others, and find out its shares."""
        try:
            totals: Totals = self._store.quotas.exchange(second, counts)
        except StoreUnavailable:
            return  # what was known goes on
        # Of the second that the totals are of; after a pause this process had none in it.
        mine = self._before if self._exchanged == second - 1 else {}
        limits = {who: self._in_all if who == EVERYBODY else self._of_token for who in totals}
        shares = {
            who: share_of(limits[who], mine.get(who, 0), total, processes)
            for who, (total, processes) in totals.items()
        }
        with self._lock:
            self._exchanged, self._before, self._shares = second, counts, shares
