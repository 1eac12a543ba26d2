"""Growing pauses after wrong sign-ins, for each address and for all together."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from donebit.networks import network_of

MOST_ADDRESSES = 10_000
EVERYBODY = ""


class Growth(NamedTuple):
    """How pauses grow.

    Attributes:
        free: wrong sign-ins in a row without a pause
        first_seconds: the pause after one more; each further one doubles it
        longest_seconds: no pause is longer
        forgotten_seconds: after so long without a wrong one it starts from the beginning
    """

    free: int
    first_seconds: float
    longest_seconds: float
    forgotten_seconds: float


OF_ADDRESS = Growth(free=5, first_seconds=1, longest_seconds=60, forgotten_seconds=900)
# Many addresses guess together. All are held up then, so not for long.
OF_ALL = Growth(free=20, first_seconds=0.25, longest_seconds=5, forgotten_seconds=60)


class Record(NamedTuple):
    """The wrong sign-ins in a row from somewhere, and when the last one was (s)."""

    wrong: int
    at: float

    def next_at(self, growth: Growth) -> float:
        """From when on the next sign-in is looked at (s)."""
        beyond = self.wrong - growth.free
        if beyond < 0:  # at once, also where the clock goes back a little, as on a machine that was moved
            return float("-inf")
        return self.at + min(growth.longest_seconds, growth.first_seconds * 2.0 ** min(beyond, 60))


class SignInPauses:
    """Who has to wait before the next sign-in is looked at. Thread-safe; of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            now: a clock, in seconds
        """
        self._now = now
        self._lock = threading.Lock()
        self._records: OrderedDict[str, Record] = OrderedDict()

    def begin(self, address: str) -> float:
        """Begin a sign-in, which counts as wrong until `succeed` is called: many at once gain nothing.

        Returns:
            0 if the token is to be looked at; else for how many seconds it must not be, and nothing counts.
        """
        now, network = self._now(), network_of(address)
        with self._lock:
            mine = self._record(network, OF_ADDRESS, now)
            everybody = self._record(EVERYBODY, OF_ALL, now)
            wait = max(mine.next_at(OF_ADDRESS), everybody.next_at(OF_ALL)) - now
            if wait > 0:
                return wait
            for name, record in ((network, mine), (EVERYBODY, everybody)):
                self._records[name] = Record(record.wrong + 1, now)
                self._records.move_to_end(name)
            while len(self._records) > MOST_ADDRESSES:
                self._records.popitem(last=False)
        return 0

    def succeed(self, address: str) -> None:
        """The token was right: forget the wrong ones from that address."""
        with self._lock:
            self._records.pop(network_of(address), None)
            if everybody := self._records.get(EVERYBODY):
                self._records[EVERYBODY] = everybody._replace(wrong=everybody.wrong - 1)

    def _record(self, name: str, growth: Growth, now: float) -> Record:
        record = self._records.get(name)
        if record is None or now - record.at >= growth.forgotten_seconds:
            return Record(0, float("-inf"))
        return record
