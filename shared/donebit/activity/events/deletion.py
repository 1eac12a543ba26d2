"""Deleting an event: all of its bitmaps and its record."""

from __future__ import annotations

from donebit import clock
from donebit.activity.site import Site
from donebit.errors import Conflict
from donebit.names import stored_name
from donebit.store.bitmaps import Bitmap

ATTEMPTS = 5


def forget(site: Site, event: str) -> bool:
    """Delete every bitmap of an event.

    The bitmaps are deleted first, so that after a crash the registry still names the rest; then the registry;
    then the bitmaps it named at that moment, for visits written in between. A later visit creates a new
    registry.

    Returns:
        Whether there was such an event.

    Raises:
        Conflict: the event began a new period at every attempt.
    """
    visits = site.store.visits
    known = "kind" in visits.about(stored_name(event, "event")) or visits.is_listed(event)
    for _ in range(ATTEMPTS):
        periods = site.store.visits.periods(event)
        segments = site.store.bitmaps.segments([Bitmap(event, period) for period in periods])
        site.store.visits.drop_segments(event, dict(zip(periods, segments, strict=True)))
        if site.store.visits.drop_event(event, periods):
            return known
    raise Conflict(
        f"event {event} is changing too fast to be forgotten; try again at {clock.iso(clock.now())}"
    )
