"""Who uses a store: a restore under a running service or worker would be mixed with what it writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from donebit import clock
from donebit.errors import Conflict
from donebit.store import Store
from donebit.workers.presence import recent_workers

ALIVE: Final = timedelta(seconds=30)  # a worker says every few seconds that it is there
SEEN: Final = {"worker": "a worker", "sweep": "the sweep", "health": "a service"}


UNLESS = "; --force if you are sure that none runs"


def refuse_running(store: Store, unless: str = UNLESS) -> None:
    """Refuse a store that is in use.

    Args:
        unless: what may be done although one was seen

    Raises:
        Conflict: naming the workers and services that were seen within half a minute.
    """
    now = clock.moment_of_ms(store.mover.now_ms())
    workers = [one.name for one in recent_workers(store.workers.shown(), now) if now - one.last_seen < ALIVE]
    seen = zip(SEEN.values(), store.heartbeats.last_seen_ms(*SEEN), strict=True)
    others = [who for who, at in seen if at is not None and now - clock.moment_of_ms(at) < ALIVE]
    if workers:
        others = [f"the worker {name}" for name in sorted(workers)] + [
            one for one in others if one != SEEN["worker"]
        ]
    if others:
        raise Conflict(
            f"{', '.join(others)} used this store within the last {ALIVE.total_seconds():.0f} s: stop every "
            f"service, worker and beat, and try again after {ALIVE.total_seconds():.0f} s{unless}"
        )
