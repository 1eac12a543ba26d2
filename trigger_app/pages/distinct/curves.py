"""Day by day: how many users came, how many in the 7 days up to it, and in the 30."""

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
    """None where the window begins before what is kept."""

    day: str
    users: int
    rolling_7: int | None
    rolling_30: int | None


def curves(chosen: Chosen) -> list[CurvePoint]:
    """The last days, ascending, from the first on that saw anybody; none where no day did."""
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
    """One for each day: the first have no whole window."""
    return [*[None] * (days - len(windows)), *windows]
