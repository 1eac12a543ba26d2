"""Shared by the routes about successive periods: reading the periods of a request, describing each."""

from __future__ import annotations

from typing import Any

from distinct_app.models.cohorts import SuccessiveQuery
from donebit import clock
from donebit.activity.analytics import retention
from donebit.activity.analytics.retention import Question
from donebit.activity.periods.calendar import Granularity, Period, bounds, refuse_far
from donebit.activity.site import Site
from donebit.errors import InvalidInput


def periods_of(
    site: Site, asked: Question, query: SuccessiveQuery, granularity: str, number: int, field: str
) -> list[Period]:
    """The `number` periods of a request, the last that of `at`, or the first that of `from`.

    Args:
        field: the parameter that their number was given in.

    Raises:
        InvalidInput: both are given, the periods have not begun, or the first has expired.
    """
    if query.from_ and query.at:
        raise InvalidInput("from and at are both given; from is the first period, at the last", field="from")
    if query.from_:
        start = site.calendar.moment(query.from_, "from")
        refuse_far(start, "from")
        first = site.calendar.period_at(Granularity(granularity), start)
        return retention.periods_from(site, asked, first, number)
    at = site.calendar.moment(query.at) if query.at else asked.now
    last = site.calendar.period_at(Granularity(granularity), at)
    return retention.periods_until(site, asked, last, number, field)


def named_period(site: Site, asked: Question, name: str, field: str) -> Period:
    """The day, week or month of that name. Raises InvalidInput for others, future and expired ones."""
    period = site.calendar.named(name, field)
    if period.granularity not in (Granularity.DAY, Granularity.WEEK, Granularity.MONTH):
        raise InvalidInput(f"{field} is {name!r}; it must be a day, a week or a month", field=field)
    retention.refuse_unbegun(period, asked.now, field)
    retention.refuse_past(asked, period, field)
    return period


def range_fields(period: Period) -> dict[str, Any]:
    """The fields in which an answer describes a period."""
    start, stop = bounds(period)
    return {"period": period.name, "from_": clock.iso(start), "to": clock.iso(stop)}


def rate(part: int, whole: int) -> float | None:
    """The part as a share of the whole, to four places; None if the whole is 0."""
    return round(part / whole, 4) if whole else None
