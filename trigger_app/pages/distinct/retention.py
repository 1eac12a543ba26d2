"""Retention as a heat map: the share of new users who were active again later."""

from __future__ import annotations

from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics import retention
from donebit.activity.analytics.retention import Cohort, MatrixRow
from donebit.activity.periods.calendar import Granularity, bounds
from trigger_app.pages.distinct.choice import Chosen

SIZES = {Granularity.WEEK: (12, 12), Granularity.DAY: (15, 15)}  # rows and columns
SHADES = 10


class Cell(NamedTuple):
    """The users of a cohort who were active in one later period; `open` if that is not over yet."""

    users: int
    share: float
    open: bool

    @property
    def shade(self) -> int:
        """0 for no user, 10 for all; at least 1 if there is any."""
        return max(round(self.share * SHADES), 1) if self.users else 0


class RetentionRow(NamedTuple):
    name: str
    since: str  # its first day
    users: int
    cells: list[Cell | None]  # None: has not begun


class HeatMap(NamedTuple):
    rows: list[RetentionRow]
    averages: list[float | None]  # None: no cohort is so old


def heat_map(chosen: Chosen) -> HeatMap:
    """Return the cohorts of the last weeks or days, beginning with the first that has any user."""
    rows, columns = SIZES[chosen.granularity]
    asked = retention.question(chosen.site, chosen.event.name, None, Cohort.FIRST, chosen.now)
    made = retention.matrix(chosen.site, asked, chosen.last(rows), columns)
    rows_shown = dropwhile(lambda row: not row.users, made.rows)
    averages = [one.returned / one.users if one.users else None for one in made.averages]
    return HeatMap([row_of(chosen, row) for row in rows_shown], averages)


def row_of(chosen: Chosen, row: MatrixRow) -> RetentionRow:
    cells = [
        None if count is None else Cell(count, count / (row.users or 1), row.open_column == column)
        for column, count in enumerate(row.counts)
    ]
    since = chosen.site.calendar.day_of(bounds(row.period)[0])
    return RetentionRow(row.period.name, since.isoformat(), row.users, cells)
