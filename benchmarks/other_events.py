"""Forty other events of 400 days: a question must be as quick beside them as on an empty store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redis import Redis

from donebit.store import keys
from donebit.store.bitmaps import Bitmap

EVENTS, DAYS = 40, 400
HERE = b"\xff" * 1000  # 8000 users a day


def fill(client: Redis, now: datetime) -> None:
    """Lay them down as visits leave them: a bitmap and a registry a day."""
    days = [f"{(now - timedelta(days=back)).astimezone(UTC):%Y-%m-%d}" for back in range(DAYS)]
    for event in range(EVENTS):
        name = f"other-{event}"
        with client.pipeline(transaction=False) as pipe:
            pipe.hset(keys.event_meta(name), "kind", "integers")
            pipe.zadd(keys.periods(name), dict.fromkeys(days, 0))
            for day in days:
                bitmap = Bitmap(name, day)
                pipe.set(bitmap.segment(keys, 0), HERE)
                pipe.setbit(bitmap.registry(keys), 0, 1)
            pipe.execute()
