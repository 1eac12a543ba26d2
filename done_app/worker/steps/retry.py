"""Repeating a report, or a read that a step needs, until Redis answers."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from donebit.errors import StoreUnavailable

MAX_PAUSE = timedelta(seconds=2)
RETRY_FOR = timedelta(minutes=10)

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


def retry_until_stored(report: Callable[[str], Answer]) -> Answer:
    """Repeat a report during an outage, since the work it reports is done already.

    All attempts use one token, so the store treats them as one call and gives a lost answer again.

    Args:
        report: makes the report with the token it is given.

    Returns:
        The store's answer.

    Raises:
        StoreUnavailable: Redis stayed unavailable for 10 minutes.
    """
    token, pause = uuid.uuid4().hex, 0.1
    give_up_at = time.monotonic() + RETRY_FOR.total_seconds()
    while True:
        try:
            return report(token)
        except StoreUnavailable:
            if time.monotonic() >= give_up_at:
                raise
            log.warning("Redis is unavailable; the worker asks it again in %.1f s", pause)
            time.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE.total_seconds())


def read_until_answered(read: Callable[[], Answer]) -> Answer:
    """Repeat a read that a step needs, as a report is repeated: an outage must not cost it an attempt."""
    return retry_until_stored(lambda _: read())
