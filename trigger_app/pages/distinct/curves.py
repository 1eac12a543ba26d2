"""Daily, weekly and monthly active users, for each day."""

from __future__ import annotations

from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics.day_windows import Window, count_windows
from donebit.activity.periods.calendar import Granularity
from donebit.store.bitmaps import Bitmap
from trigger_app.pages.distinct.choice import Chosen

DAYS = 90
WEEK, MONTH = 7, 30  # days of the rolling windows


class CurvePoint(NamedTuple):
    """One day; a rolling count is None where its window begins before what is kept."""

    day: str
    users: int
    rolling_7: int | None
    rolling_30: int | None


def curves(chosen: Chosen) -> list[CurvePoint]:
    """Return the last days, ascending, beginning with the first that has any user; empty if none has."""
    kept = chosen.last(DAYS + MONTH - 1, Granularity.DAY)
    drawn = range(max(len(kept) - DAYS, 0), len(kept))
    windows = [Window(day, width) for day in drawn for width in (WEEK, MONTH) if width <= day + 1]
    bitmaps = [Bitmap(chosen.event.name, day.name) for day in kept]
    users, rolling = count_windows(chosen.site.store, bitmaps, windows)
    days = [
        CurvePoint(
            kept[day].name, users[day], rolling.get(Window(day, WEEK)), rolling.get(Window(day, MONTH))
        )
        for day in drawn
    ]
    return list(dropwhile(lambda day: not (day.users or day.rolling_30), days))
