"""Visits as the tests of activity arrange them, and what they read of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from shared.activity import ingest, questions
from shared.activity.ingest import Recorded
from shared.activity.periods import Granularity, period_at
from shared.activity.users import User
from shared.store import Store

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
MAX_SEGMENTS = 1024
FAR = timedelta(days=20_000)


def real_now() -> datetime:
    """For what the server's own clock decides: when a key expires."""
    return datetime.now(UTC)


def record(
    store: Store, users: Sequence[User], event: str = "seen", at: datetime | None = None, **limits: int
) -> Recorded:
    now = real_now()
    most = limits.get("max_segments", MAX_SEGMENTS)
    return ingest.record(store, event, users, at=at or now, now=now, max_segments=most)


def record_packed(store: Store, ids: Sequence[int], event: str = "seen") -> Recorded:
    now = real_now()
    packed = np.array(ids, np.uint32)
    return ingest.record_ids(store, event, packed, at=now, now=now, max_segments=MAX_SEGMENTS)


def count(
    store: Store, event: str = "seen", granularity: Granularity = Granularity.ALL, at: datetime | None = None
) -> int:
    return questions.count(store, event, period_at(granularity, at or real_now()))


def present(store: Store, user: User, event: str = "seen") -> bool:
    return questions.present(store, event, user, period_at(Granularity.DAY, real_now()))
