"""bitmapist on our server: fills its weeks, and makes the cohort call of its README.

The only module that imports bitmapist, which only `make bench` installs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bitmapist import WeekEvents, setup_redis
from bitmapist.cohort import get_dates_data
from redis import Redis

EVENT = "active"


def use(client: Redis) -> None:
    """Connect bitmapist to this server."""
    kwargs = client.connection_pool.connection_kwargs
    setup_redis("default", kwargs["host"], kwargs["port"])


def fill_week(client: Redis, monday: datetime, packed: bytes) -> None:
    """Fill a week as mark_event of each user would; bitmapist has weeks of the calendar year, not ISO."""
    week = WeekEvents(EVENT, monday.year, monday.isocalendar().week)
    client.set(week.redis_key, packed)


def cohort_call(rows: int, columns: int) -> Sequence[Sequence[int]]:
    """Return its matrix: for each row the size of the cohort, then the columns that have begun.

    It has one column more: the cohort's own week, which is always 100 %.
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
