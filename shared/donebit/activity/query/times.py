"""The times in an expression: how they are written, and which periods they mean."""

from __future__ import annotations

import re
from datetime import datetime

from donebit.activity.events.event import Event
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import ALL_TIME, DAY, NAME_RULE, Granularity, Period
from donebit.activity.periods.spans import MOST_DAYS
from donebit.activity.site import Site

BORDER = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2})?"
BORDER_RULE = "a day 2026-11-21 of the site, or an hour 2026-11-21T03 (UTC)"
PERIOD = r"[0-9]{4}-(?:W?[0-9]{2}|[0-9]{2}-[0-9]{2}(?:T[0-9]{2})?)"
SHAPE = re.compile(rf"all|today|yesterday|[1-9][0-9]{{0,3}}d|{PERIOD}|{BORDER}\.\.(?:{BORDER})?")
LAST_DAYS = re.compile(r"([1-9][0-9]{0,3})d")
RULE = f"{NAME_RULE}, today, yesterday, 7d (days up to today), or 2026-11-01..2026-11-15 (half open)"


def is_border(text: str) -> bool:
    """Whether a text is a day or an hour, so that a span can begin or end with it."""
    return re.fullmatch(BORDER, text) is not None


def periods(site: Site, event: Event, when: str, now: datetime) -> tuple[Period, ...]:
    """The periods whose union a time means.

    Args:
        when: a text that matches `SHAPE`.

    Raises:
        InvalidInput: there is no such period, or it has expired.
    """
    if when == ALL_TIME.name:
        return (ALL_TIME,)
    if when in ("today", "yesterday"):
        today = site.calendar.period_at(Granularity.DAY, now)
        return single(event, today if when == "today" else site.calendar.before(today), now)
    if match := LAST_DAYS.fullmatch(when):
        return last_days(site, event, int(match[1]), now)
    if ".." in when:
        return from_to(site, event, when, now)
    return single(event, site.calendar.named(when, "it"), now)


def single(event: Event, period: Period, now: datetime) -> tuple[Period, ...]:
    """The period alone. Raises InvalidInput if it has expired."""
    event.expiry.check(period, now, "it")
    return (period,)


def last_days(site: Site, event: Event, days: int, now: datetime) -> tuple[Period, ...]:
    """The periods of the last `days` days, today included."""
    first = site.calendar.day_of(now) - (min(days, MOST_DAYS) - 1) * DAY
    start, stop = site.calendar.midnight(first), site.calendar.tomorrow(now)
    return _between(site, event, start, stop, now)


def from_to(site: Site, event: Event, when: str, now: datetime) -> tuple[Period, ...]:
    """The periods of `<from>..<to>` or `<from>..`; days are the site's, hours UTC.

    Without an end, today is the last day.
    """
    ends = [start_of(site, text) for text in when.split("..") if text]
    stop = ends[1] if len(ends) == 2 else site.calendar.tomorrow(now)
    return _between(site, event, ends[0], stop, now)


def _between(site: Site, event: Event, start: datetime, stop: datetime, now: datetime) -> tuple[Period, ...]:
    return spans.between(site.calendar, event.expiry, start, stop, now=now, imported=event.imported).periods


def start_of(site: Site, border: str) -> datetime:
    """When a day or an hour begins."""
    start = site.calendar.named(border, "an end").start
    assert start is not None  # noqa: S101 - only all time has none, and its name is no border
    return start
