"""Visits as the tests of activity arrange them, and what they read of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from donebit.activity.analytics import counts
from donebit.activity.events import ingest
from donebit.activity.events.ingest import Recorded
from donebit.activity.periods.calendar import Calendar, Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.store import Store

STARTED = datetime.now(UTC)
# Two days in a row that are kept, whenever the tests are run.
PAST_DAY, DAY_AFTER = (f"{STARTED - timedelta(days=back):%Y-%m-%d}" for back in (9, 8))
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
UTC_CALENDAR = Calendar(ZoneInfo("UTC"))
MAX_SEGMENTS = 1024
FAR = timedelta(days=20_000)


def real_now() -> datetime:
    """For what the server's own clock decides: when a key expires.

    One moment for the whole run, lest an hour end between a visit and the question about it.
    """
    return STARTED


def site_on(store: Store, *, zone: str = "UTC", max_segments: int = MAX_SEGMENTS) -> Site:
    return Site(store, Calendar(ZoneInfo(zone)), max_segments)


def record(
    store: Store,
    users: Sequence[User],
    event: str = "seen",
    at: datetime | None = None,
    max_segments: int = MAX_SEGMENTS,
) -> Recorded:
    now = real_now()
    return ingest.record(site_on(store, max_segments=max_segments), event, users, at=at or now, now=now)


def record_packed(store: Store, ids: Sequence[int], event: str = "seen") -> Recorded:
    now = real_now()
    return ingest.record_ids(site_on(store), event, np.array(ids, np.uint32), at=now, now=now)


def count(
    store: Store, event: str = "seen", granularity: Granularity = Granularity.ALL, at: datetime | None = None
) -> int:
    return counts.count(site_on(store), event, UTC_CALENDAR.period_at(granularity, at or real_now()))


def present(store: Store, user: User, event: str = "seen") -> bool:
    return counts.present(site_on(store), event, user, UTC_CALENDAR.period_at(Granularity.DAY, real_now()))
