"""Lifecycle as stacked bars: new, returning and resurrecting users upwards, dormant ones downwards."""

from __future__ import annotations

from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics import lifecycle as stages
from donebit.activity.analytics import retention
from donebit.activity.analytics.lifecycle import Stage, UserState
from donebit.activity.analytics.retention import Cohort
from donebit.activity.periods.calendar import Granularity, bounds
from trigger_app.pages.axis import Tick, ticks
from trigger_app.pages.distinct.choice import Chosen

PERIODS = {Granularity.WEEK: 12, Granularity.DAY: 30}
UPWARDS = (UserState.RETURNING, UserState.RESURRECTING, UserState.NEW)  # from the zero line up


class BarPart(NamedTuple):
    """A piece of a bar; `top` is counted from the top of the drawing, both in users."""

    state: UserState
    top: int
    users: int


class LifecycleBar(NamedTuple):
    name: str
    since: str  # its first day, ISO 8601
    parts: list[BarPart]
    open: bool

    def users(self, state: str) -> int:
        return next(part.users for part in self.parts if part.state == state)


class Bars(NamedTuple):
    bars: list[LifecycleBar]
    highest: int  # users of the tallest bar above the zero line
    height: int  # of the whole drawing, in users
    ticks: list[Tick]


def bars(chosen: Chosen) -> Bars:
    """Return the last weeks or days, beginning with the first that has any user."""
    asked = retention.question(chosen.site, chosen.event.name, None, Cohort.FIRST, chosen.now)
    # Nobody knows who was active before the first period that is kept, so it is left out.
    periods = chosen.last(PERIODS[chosen.granularity] + 1)[1:]
    kept = stages.lifecycle(chosen.site, asked, periods).stages if periods else ()
    found = list(dropwhile(lambda stage: not stage.active + stage.dormant, kept))
    highest = max((stage.active for stage in found), default=0)
    lowest = max((stage.dormant for stage in found), default=0)
    drawn = [bar_of(chosen, stage, highest) for stage in found]
    return Bars(drawn, highest, highest + lowest, ticks(highest, lowest))


def bar_of(chosen: Chosen, stage: Stage, line: int) -> LifecycleBar:
    parts, top = [], line
    for state in UPWARDS:
        users: int = getattr(stage, state)
        top -= users
        parts.append(BarPart(state, top, users))
    parts.append(BarPart(UserState.DORMANT, line, stage.dormant))
    since = chosen.site.calendar.day_of(bounds(stage.period)[0])
    return LifecycleBar(stage.period.name, since.isoformat(), parts, stage.open)
