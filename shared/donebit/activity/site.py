"""What every visit and every question is about: the store, the site's calendar, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from donebit.activity.periods.calendar import Calendar
from donebit.config import Settings
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class Site:
    """Made once a process, and given to all of activity."""

    store: Store
    calendar: Calendar
    max_segments: int

    @classmethod
    def of(cls, store: Store, settings: Settings) -> Site:
        return cls(store, Calendar(ZoneInfo(settings.zone)), settings.max_segments)

    @property
    def zone(self) -> str:
        return self.calendar.zone.key
