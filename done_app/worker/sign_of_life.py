"""The worker's sign of life, which /health asks for."""

from __future__ import annotations

import logging

from done_app.worker.clock_watch import ClockWatch
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.workers import presence

log = logging.getLogger(__name__)


def give(own: Store, watch: ClockWatch) -> None:
    """Record that the worker is alive, and look at its clock. What Redis refuses once ends nothing."""
    try:
        presence.record_heartbeat(own, "worker")
        watch.check()
    except StoreUnavailable as error:
        log.warning("the worker's heartbeat is postponed: %s", error.in_full)
    except Exception:
        log.exception("the worker's heartbeat cannot be recorded")
