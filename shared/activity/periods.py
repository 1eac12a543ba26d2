"""Periods: which ones a moment lies in, what they are called, and how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.errors import InvalidInput
from shared.store.activity import Life

AHEAD = timedelta(minutes=5)  # how far a client's clock may run before ours


class Granularity(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # ISO 8601: from Monday, and of the year that its Thursday is in
    MONTH = "month"
    ALL = "all"


# From a period's end. All-time is kept until its event is forgotten.
RETENTION = {
    Granularity.HOUR: timedelta(hours=48),
    Granularity.DAY: timedelta(days=400),
    Granularity.WEEK: timedelta(weeks=120),
    Granularity.MONTH: timedelta(days=60 * 31),
}


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a granularity, from `start` to `stop`, half open; both None for all time."""

    granularity: Granularity
    name: str  # in keys: 2026-11-21T03, 2026-11-21, 2026-W47, 2026-11, all
    start: datetime | None = None
    stop: datetime | None = None

    @property
    def expires(self) -> datetime | None:
        return None if self.stop is None else self.stop + RETENTION[self.granularity]

    @property
    def life(self) -> Life:
        return Life(self.name, int(self.expires.timestamp()) if self.expires else 0)

    def lives_at(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


def period_at(granularity: Granularity, moment: datetime) -> Period:
    """The period of this granularity that a moment lies in."""
    moment = moment.astimezone(UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if granularity is Granularity.HOUR:
        start = moment.replace(minute=0, second=0, microsecond=0)
        return Period(granularity, f"{start:%Y-%m-%dT%H}", start, start + timedelta(hours=1))
    if granularity is Granularity.DAY:
        return Period(granularity, f"{day:%Y-%m-%d}", day, day + timedelta(days=1))
    if granularity is Granularity.WEEK:
        year, week, weekday = day.isocalendar()
        start = day - timedelta(days=weekday - 1)
        return Period(granularity, f"{year:04}-W{week:02}", start, start + timedelta(weeks=1))
    if granularity is Granularity.MONTH:
        start = day.replace(day=1)
        after = (start + timedelta(days=31)).replace(day=1)
        return Period(granularity, f"{start:%Y-%m}", start, after)
    return Period(granularity, "all")


def periods_to_write(moment: datetime, now: datetime) -> list[Period]:
    """Every period of a visit that still lives, all-time last.

    Raises:
        InvalidInput: the visit is more than 5 minutes ahead, or its day's retention is over.
    """
    if moment > now + AHEAD:
        raise InvalidInput(
            f"at is {moment.isoformat()}, more than {AHEAD.seconds // 60} minutes ahead of {now.isoformat()}",
            field="at",
        )
    check_retention(period_at(Granularity.DAY, moment), now, "at")
    found = (period_at(granularity, moment) for granularity in Granularity)
    return [period for period in found if period.lives_at(now)]


def check_retention(period: Period, now: datetime, field: str) -> None:
    """Raise InvalidInput for a period that is no longer kept: its count would be a quiet 0."""
    if not period.lives_at(now):
        kept = RETENTION[period.granularity]
        raise InvalidInput(
            f"the {period.granularity} {period.name} is no longer kept: {field} must not be further back "
            f"than {_words(kept)} before {now:%Y-%m-%dT%H:%M:%SZ}",
            field=field,
        )


def _words(duration: timedelta) -> str:
    hours = duration // timedelta(hours=1)
    return f"{hours} hours" if hours <= 48 else f"{duration.days} days"
