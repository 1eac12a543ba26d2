"""How long an event's bitmaps are kept: what of a visit is therefore written, or of a question refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from donebit.activity.periods.calendar import Calendar, Granularity, Period
from donebit.errors import InvalidInput
from donebit.store.visits import PeriodExpiry

EARLIEST = datetime(1900, 1, 8, tzinfo=UTC)  # no period is reckoned with before
AHEAD = timedelta(minutes=5)  # how far a client's clock may run before ours


class Gone(NamedTuple):
    """What ended by then is gone, although it would be kept: it was kept for less once."""

    hour: datetime | None = None
    day: datetime | None = None
    week: datetime | None = None
    month: datetime | None = None


NOTHING = Gone()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each granularity is kept, from its period's end. All-time stays until forgotten."""

    hour: timedelta = timedelta(hours=48)
    day: timedelta = timedelta(days=400)
    week: timedelta = timedelta(weeks=120)
    month: timedelta = timedelta(days=60 * 31)
    gone: Gone = NOTHING

    def of(self, granularity: Granularity) -> timedelta | None:
        """None for what is kept for ever."""
        kept: timedelta | None = getattr(self, granularity, None)
        return kept

    def expires(self, period: Period) -> datetime | None:
        kept = self.of(period.granularity)
        return None if period.stop is None or kept is None else period.stop + kept

    def since(self, granularity: Granularity, now: datetime) -> datetime | None:
        """What ended by then is not kept; None for what is kept for ever."""
        kept = self.of(granularity)
        if kept is None:
            return None
        gone: datetime | None = getattr(self.gone, granularity)
        reach = now - min(kept, now - EARLIEST)
        return reach if gone is None else max(reach, gone)

    def keeps(self, period: Period, now: datetime) -> bool:
        since = self.since(period.granularity, now)
        return since is None or period.stop is None or period.stop > since

    def life(self, period: Period) -> PeriodExpiry:
        expires = self.expires(period)
        return PeriodExpiry(period.name, int(expires.timestamp()) if expires else 0)

    def check(self, period: Period, now: datetime, field: str) -> None:
        """Raise InvalidInput for a period that is no longer kept: its count would be a quiet 0."""
        if not self.keeps(period, now):
            raise InvalidInput(
                f"the {period.granularity} {period.name} is no longer kept: {field} must not be further back "
                f"than {self._bound(period.granularity, now)}",
                field=field,
            )

    def _bound(self, granularity: Granularity, now: datetime) -> str:
        kept, since = self.of(granularity), self.since(granularity, now)
        if kept is None or since is None or since > now - min(kept, now - EARLIEST):
            return f"{since:%Y-%m-%dT%H:%M:%SZ}, before which it was kept for less"
        return f"{_words(kept)} before {now:%Y-%m-%dT%H:%M:%SZ}"


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
