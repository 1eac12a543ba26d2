"""Lifecycle as stacked bars: upwards who came, new, returning or resurrecting; downwards who did not."""

from __future__ import annotations

from itertools import dropwhile
from typing import NamedTuple

from donebit.activity.analytics import lifecycle as stages
from donebit.activity.analytics import retention
from donebit.activity.analytics.lifecycle import Stage, UserState
from donebit.activity.analytics.retention import Cohort
from donebit.activity.periods.calendar import Granularity, bounds
from trigger_app.pages.distinct.choice import Chosen

PERIODS = {Granularity.WEEK: 12, Granularity.DAY: 30}
UPWARDS = (UserState.RETURNING, UserState.RESURRECTING, UserState.NEW)  # from the line up


class BarPart(NamedTuple):
    """A piece of a bar; `top` is counted from the top of the drawing, both in users."""

    state: UserState
    top: int
    users: int


class LifecycleBar(NamedTuple):
    name: str
    since: str
    parts: list[BarPart]
    open: bool

    def users(self, state: str) -> int:
        return next(part.users for part in self.parts if part.state == state)


class Bars(NamedTuple):
    """`highest` is how many users the tallest bar has upwards, `height` the room of the drawing in users."""

    bars: list[LifecycleBar]
    highest: int
    height: int


def bars(chosen: Chosen) -> Bars:
    """The last weeks or days, from the first on that has anybody."""
    asked = retention.question(chosen.site, chosen.event.name, None, Cohort.FIRST, chosen.now)
    # Of the first one that is kept nobody knows who was there before.
    periods = chosen.last(PERIODS[chosen.granularity] + 1)[1:]
    kept = stages.lifecycle(chosen.site, asked, periods).stages if periods else ()
    found = list(dropwhile(lambda stage: not stage.active + stage.dormant, kept))
    highest = max((stage.active for stage in found), default=0)
    lowest = max((stage.dormant for stage in found), default=0)
    return Bars([bar_of(chosen, stage, highest) for stage in found], highest, highest + lowest)


def bar_of(chosen: Chosen, stage: Stage, line: int) -> LifecycleBar:
    parts, top = [], line
    for state in UPWARDS:
        users: int = getattr(stage, state)
        top -= users
        parts.append(BarPart(state, top, users))
    parts.append(BarPart(UserState.DORMANT, line, stage.dormant))
    since = chosen.site.calendar.day_of(bounds(stage.period)[0])
    return LifecycleBar(stage.period.name, f"{since:%-d %b}", parts, stage.open)
