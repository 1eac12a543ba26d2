"""Whether Redis takes writes: tried by one, for /health and /metrics alike."""

from __future__ import annotations

import logging
import time
from threading import Lock

from donebit import clock
from donebit.errors import StoreUnavailable
from donebit.store import Store

WRITES_APART_SECONDS = 1.0  # at least, of one process: however often it is asked

log = logging.getLogger(__name__)


class WriteProbe:
    """Whether Redis takes writes, tried by one, at most once a second.

    A server that is full, has become a replica or cannot save still answers reads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._next_at = 0.0  # seconds of time.monotonic()
        self._refusal: StoreUnavailable | None = None

    def check(self) -> None:
        """Write, or recall what came of the last write.

        Raises:
            StoreUnavailable: Redis cannot be reached or does not take writes.
        """
        with self._lock:
            if time.monotonic() >= self._next_at:
                self._refusal = self._write()
                self._next_at = time.monotonic() + WRITES_APART_SECONDS
            if self._refusal:
                raise self._refusal

    def _write(self) -> StoreUnavailable | None:
        try:
            self._store.server.write(clock.now_ms())
        except StoreUnavailable as error:
            if self._refusal is None or self._refusal.in_full != error.in_full:
                log.warning("the store takes no writes: %s", error.in_full)
            return error
        return None
