"""Daily, weekly and monthly active users, for each day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics.series import rolling_counts
from donebit.activity.periods.calendar import Granularity
from donebit.activity.sets import algebra
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
    bitmaps = [Bitmap(chosen.event.name, day.name) for day in kept]
    store = chosen.site.store
    counts = algebra.counts(store, bitmaps)
    rolling = [
        padded(rolling_counts(store, bitmaps, width) if len(bitmaps) >= width else [], len(bitmaps))
        for width in (WEEK, MONTH)
    ]
    days = [CurvePoint(day.name, *row) for day, *row in zip(kept, counts, *rolling, strict=True)][-DAYS:]
    return list(dropwhile(lambda day: not (day.users or day.rolling_30), days))


def padded(windows: Sequence[int], days: int) -> list[int | None]:
    """Return one value for each day, None for the first ones, which have no whole window."""
    return [*[None] * (days - len(windows)), *windows]
