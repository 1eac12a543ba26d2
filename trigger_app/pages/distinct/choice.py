"""What the users page shows, all of it given in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import request

from donebit import clock
from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.site import Site
from donebit.names import default_event

GRANULARITIES = (Granularity.WEEK, Granularity.DAY)
LONGEST_EXPRESSION = 2000  # characters, for it stands in the address


@dataclass(frozen=True, slots=True)
class DistinctSelection:
    """The event, the granularity of its cohorts, and the expression, empty for none."""

    event: str
    granularity: Granularity
    expression: str

    @classmethod
    def from_request(cls, site: Site) -> DistinctSelection:
        granularity = request.args.get("granularity", "")
        return cls(
            asked_event(site),
            Granularity(granularity) if granularity in {*GRANULARITIES} else Granularity.WEEK,
            request.args.get("text", "").strip()[:LONGEST_EXPRESSION],
        )


def asked_event(site: Site) -> str:
    """Return the event in the address, else that of the sample data if there are any."""
    return request.args.get("event", "").strip() or default_event(site.store.visits.events())


@dataclass(frozen=True, slots=True)
class Chosen:
    """An event and the moment for which everything on a page is computed."""

    site: Site
    event: Event
    granularity: Granularity
    now: datetime

    @classmethod
    def of(cls, site: Site, choice: DistinctSelection) -> Chosen:
        return cls(site, events.get(site, choice.event), choice.granularity, clock.now())

    def last(self, many: int, granularity: Granularity | None = None) -> list[Period]:
        """Return up to `many` periods that are kept, the earliest first, the current one last."""
        found: list[Period] = []
        period = self.site.calendar.period_at(granularity or self.granularity, self.now)
        while len(found) < many and self.event.expiry.keeps(period, self.now):
            found.append(period)
            period = self.site.calendar.before(period)
        return found[::-1]
