"""Daily, weekly and monthly active users, for each day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics.day_windows import Window, count_windows
from donebit.activity.analytics.series import windows_with_imports
from donebit.activity.periods.calendar import Granularity, Period
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
    drawn = range(max(len(kept) - DAYS, 0), len(kept))
    windows = [Window(day, width) for day in drawn for width in (WEEK, MONTH) if width <= day + 1]
    bitmaps = [Bitmap(chosen.event.name, day.name) for day in kept]
    users, rolling = count_windows(chosen.site.store, bitmaps, windows)
    rolling |= count_with_imports(chosen, kept, windows)
    days = [
        CurvePoint(
            kept[day].name, users[day], rolling.get(Window(day, WEEK)), rolling.get(Window(day, MONTH))
        )
        for day in drawn
    ]
    return list(dropwhile(lambda day: not (day.users or day.rolling_30), days))


def count_with_imports(
    chosen: Chosen, days: Sequence[Period], windows: Sequence[Window]
) -> dict[Window, int]:
    """Count the windows in which a week or month lies that was imported: no day has its users."""
    found = {
        Window(first + width - 1, width): users
        for width in (WEEK, MONTH)
        for first, users in windows_with_imports(chosen.site, chosen.event, days, width, chosen.now).items()
    }
    asked = [window for window in windows if window in found]
    counts = algebra.counts(chosen.site.store, [found[window] for window in asked])
    return dict(zip(asked, counts, strict=True))
