"""What every function of activity is given: the store, the site's calendar, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from donebit.activity.limits import NO_LIMITS, Limits
from donebit.activity.periods.calendar import Calendar
from donebit.config import Settings
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class Site:
    """One store with the calendar and limits that apply to it; created once in each process."""

    store: Store
    calendar: Calendar
    max_segments: int
    limits: Limits = NO_LIMITS

    @classmethod
    def of(cls, store: Store, settings: Settings, limits: Limits = NO_LIMITS) -> Site:
        """The site that the settings describe."""
        return cls(store, Calendar(ZoneInfo(settings.zone)), settings.max_segments, limits)

    @property
    def zone(self) -> str:
        """The name of the time zone in which days begin, such as Europe/Berlin."""
        return self.calendar.zone.key
