"""bitmapist on a server of ours: its weeks filled, and its cohort call as its README shows it.

The only module that imports the peer, which `make bench` installs: whoever imports this must be measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bitmapist import WeekEvents, setup_redis
from bitmapist.cohort import get_dates_data
from redis import Redis

EVENT = "active"


def use(client: Redis) -> None:
    """Let it speak to this server."""
    kwargs = client.connection_pool.connection_kwargs
    setup_redis("default", kwargs["host"], kwargs["port"])


def fill_week(client: Redis, monday: datetime, packed: bytes) -> None:
    """As mark_event of each user would; it reads a week of the calendar's year, not of the ISO year."""
    week = WeekEvents(EVENT, monday.year, monday.isocalendar().week)
    client.set(week.redis_key, packed)


def cohort_call(rows: int, columns: int) -> Sequence[Sequence[int]]:
    """Its matrix: of each row the size of the cohort, then the columns that have begun.

    Beside so many columns it has the cohort's own week, which is always all of it.
    """
    data = get_dates_data(
        select1=EVENT,
        select2=EVENT,
        time_group="weeks",
        system="default",
        as_precent=0,
        num_results=rows,
        num_of_rows=columns,
    )
    return [[int(number) for number in row[1:] if number != ""] for row in data]
