"""How long an event's bitmaps are kept: what of a visit is therefore written, or of a question refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.activity.calendar import Calendar, Granularity, Period
from shared.errors import InvalidInput
from shared.store.visits import Life

AHEAD = timedelta(minutes=5)  # how far a client's clock may run before ours


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each granularity is kept, from its period's end. All-time stays until forgotten."""

    hour: timedelta = timedelta(hours=48)
    day: timedelta = timedelta(days=400)
    week: timedelta = timedelta(weeks=120)
    month: timedelta = timedelta(days=60 * 31)

    def of(self, granularity: Granularity) -> timedelta | None:
        """None for what is kept for ever."""
        kept: timedelta | None = getattr(self, granularity, None)
        return kept

    def expires(self, period: Period) -> datetime | None:
        kept = self.of(period.granularity)
        return None if period.stop is None or kept is None else period.stop + kept

    def keeps(self, period: Period, now: datetime) -> bool:
        expires = self.expires(period)
        return expires is None or now < expires

    def life(self, period: Period) -> Life:
        expires = self.expires(period)
        return Life(period.name, int(expires.timestamp()) if expires else 0)

    def check(self, period: Period, now: datetime, field: str) -> None:
        """Raise InvalidInput for a period that is no longer kept: its count would be a quiet 0."""
        kept = self.of(period.granularity)
        if kept is not None and not self.keeps(period, now):
            raise InvalidInput(
                f"the {period.granularity} {period.name} is no longer kept: {field} must not be further back "
                f"than {_words(kept)} before {now:%Y-%m-%dT%H:%M:%SZ}",
                field=field,
            )


DEFAULT = Retention()


def periods_to_write(calendar: Calendar, kept: Retention, moment: datetime, now: datetime) -> list[Period]:
    """Every period of a visit that still lives, all-time last.

    Raises:
        InvalidInput: the visit is more than 5 minutes ahead, or its day's retention is over.
    """
    if moment > now + AHEAD:
        raise InvalidInput(
            f"at is {moment.isoformat()}, more than {AHEAD.seconds // 60} minutes ahead of {now.isoformat()}",
            field="at",
        )
    kept.check(calendar.period_at(Granularity.DAY, moment), now, "at")
    found = (calendar.period_at(granularity, moment) for granularity in Granularity)
    return [period for period in found if kept.keeps(period, now)]


def _words(duration: timedelta) -> str:
    hours = duration // timedelta(hours=1)
    return f"{hours} hours" if hours <= 48 else f"{duration.days} days"
