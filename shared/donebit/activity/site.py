"""What every function of activity is given: the store, the site's calendar, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from donebit.activity.periods.calendar import Calendar
from donebit.config import Settings
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class Site:
    """One store with the calendar and limits that apply to it; created once in each process."""

    store: Store
    calendar: Calendar
    max_segments: int
    text_room: Callable[[], int] | None = None  # how many more text ids there may be; None: any number

    @classmethod
    def of(cls, store: Store, settings: Settings, text_room: Callable[[], int] | None = None) -> Site:
        """The site that the settings describe."""
        return cls(store, Calendar(ZoneInfo(settings.zone)), settings.max_segments, text_room)

    @property
    def zone(self) -> str:
        """The name of the time zone in which days begin, such as Europe/Berlin."""
        return self.calendar.zone.key
