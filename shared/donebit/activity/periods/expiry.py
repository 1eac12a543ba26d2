"""Data expiry: how long an event's bitmaps are kept, and so which periods a visit or a question may use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from donebit.activity.periods.calendar import Calendar, Granularity, Period
from donebit.errors import InvalidInput
from donebit.store.key_names_of_activity import APART
from donebit.store.visits import PeriodExpiry

EARLIEST = datetime(1900, 1, 8, tzinfo=UTC)  # no period before this is computed
AHEAD = timedelta(minutes=5)  # how far a client's clock may run ahead of ours


class ExpiredBefore(NamedTuple):
    """Periods that ended by these moments were dropped under a shorter expiry, and stay dropped."""

    hour: datetime | None = None
    day: datetime | None = None
    week: datetime | None = None
    month: datetime | None = None


NOTHING = ExpiredBefore()


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """How long periods of each granularity are kept, from the period's end. All-time does not expire."""

    hour: timedelta = timedelta(hours=48)
    day: timedelta = timedelta(days=400)
    week: timedelta = timedelta(weeks=120)
    month: timedelta = timedelta(days=60 * 31)
    expired_before: ExpiredBefore = NOTHING

    def duration(self, granularity: Granularity) -> timedelta | None:
        """How long periods of this granularity are kept; None for all-time, which does not expire."""
        duration: timedelta | None = getattr(self, granularity, None)
        return duration

    def expires(self, period: Period) -> datetime | None:
        """When the period's bitmaps expire; None for all-time.

        Who was imported for it as a whole is kept apart for as long as periods of any granularity are: a span
        may be covered by them.
        """
        duration = self._longest if period.name.endswith(APART) else self.duration(period.granularity)
        return None if period.stop is None or duration is None else period.stop + duration

    def since(self, granularity: Granularity, now: datetime) -> datetime | None:
        """Periods that ended at or before this moment have expired; None for all-time."""
        duration = self.duration(granularity)
        if duration is None:
            return None
        dropped: datetime | None = getattr(self.expired_before, granularity)
        limit = now - min(duration, now - EARLIEST)
        return limit if dropped is None else max(limit, dropped)

    def keeps(self, period: Period, now: datetime) -> bool:
        """Whether the period has not expired yet."""
        if period.name.endswith(APART) and period.stop is not None:
            return period.stop > now - min(self._longest, now - EARLIEST)
        since = self.since(period.granularity, now)
        return since is None or period.stop is None or period.stop > since

    @property
    def _longest(self) -> timedelta:
        return max(self.hour, self.day, self.week, self.month)

    def period_expiry(self, period: Period) -> PeriodExpiry:
        """The period's name and the Unix time at which it expires, 0 for never, as the store takes them."""
        expires = self.expires(period)
        return PeriodExpiry(period.name, int(expires.timestamp()) if expires else 0)

    def check(self, period: Period, now: datetime, field: str) -> None:
        """Raise InvalidInput for a period that has expired: its count would be a misleading 0."""
        if not self.keeps(period, now):
            raise InvalidInput(
                f"the {period.granularity} {period.name} is no longer kept: {field} must not be further back "
                f"than {self._bound(period.granularity, now)}",
                field=field,
            )

    def check_written(self, period: Period, now: datetime) -> None:
        """Raise InvalidInput for a period that has expired, and say how such visits can be taken."""
        try:
            self.check(period, now, "at")
        except InvalidInput as error:
            if self._is_dropped(period.granularity, now):
                raise
            more = f'PUT /events/{{event}}/expiry {{"{period.granularity}": DAYS}} takes older ones'
            raise InvalidInput(f"{error.detail}; {more}", field="at") from None

    def _is_dropped(self, granularity: Granularity, now: datetime) -> bool:
        """Whether a shorter expiry was the last to bound what is kept."""
        duration, since = self.duration(granularity), self.since(granularity, now)
        return duration is None or since is None or since > now - min(duration, now - EARLIEST)

    def _bound(self, granularity: Granularity, now: datetime) -> str:
        duration, since = self.duration(granularity), self.since(granularity, now)
        if duration is None or self._is_dropped(granularity, now):
            return f"{since:%Y-%m-%dT%H:%M:%SZ}, as the event's expiry was shorter before then"
        return f"{_in_words(duration)} before {now:%Y-%m-%dT%H:%M:%SZ}"


DEFAULT = ExpiryPolicy()


def periods_to_write(
    calendar: Calendar, expiry: ExpiryPolicy, moment: datetime, now: datetime
) -> list[Period]:
    """Every period of a visit that has not expired, all-time last.

    Raises:
        InvalidInput: the visit is more than 5 minutes ahead, or its day has expired.
    """
    if moment > now + AHEAD:
        raise InvalidInput(
            f"at is {moment.isoformat()}, more than {AHEAD.seconds // 60} minutes ahead of {now.isoformat()}",
            field="at",
        )
    expiry.check_written(calendar.period_at(Granularity.DAY, moment), now)
    periods = (calendar.period_at(granularity, moment) for granularity in Granularity)
    return [period for period in periods if expiry.keeps(period, now)]


def _in_words(duration: timedelta) -> str:
    hours = duration // timedelta(hours=1)
    return f"{hours} hours" if hours <= 48 else f"{duration.days} days"
