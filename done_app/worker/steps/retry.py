"""Outlasting an outage."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from donebit.errors import StoreUnavailable

LONGEST_PAUSE = timedelta(seconds=2)
GIVE_UP_AFTER = timedelta(minutes=10)

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


def retry_until_stored(report: Callable[[str], Answer]) -> Answer:
    """Report until the store takes it: the work is done, only the word of it is missing.

    The one token makes the repeats one call, so the answer that was lost is given again.
    """
    token, pause = uuid.uuid4().hex, 0.1
    give_up_at = time.monotonic() + GIVE_UP_AFTER.total_seconds()
    while True:
        try:
            return report(token)
        except StoreUnavailable:
            if time.monotonic() >= give_up_at:
                raise
            log.warning("Redis is away; what became of the steps is reported in %.1f s", pause)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE.total_seconds())
