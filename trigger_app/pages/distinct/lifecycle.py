"""Lifecycle as stacked bars: new, returning and resurrecting users upwards, dormant ones downwards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, dropwhile
from typing import NamedTuple

from donebit.activity.analytics import lifecycle as stages
from donebit.activity.analytics import retention
from donebit.activity.analytics.lifecycle import Stage, UserState
from donebit.activity.analytics.retention import Cohort
from donebit.activity.periods.calendar import Granularity, bounds
from trigger_app.pages.distinct.choice import Chosen

PERIODS = {Granularity.WEEK: 12, Granularity.DAY: 30}
UPWARDS = (UserState.RETURNING, UserState.RESURRECTING, UserState.NEW)  # from the zero line up
MOST_STEPS = 6  # between the marks of the y axis
AXIS_HEIGHT = 240  # of its drawing, in units of its own


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


class Tick(NamedTuple):
    """A mark of the y axis; `y` is counted from the top of a drawing AXIS_HEIGHT high."""

    users: int
    y: float


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


def ticks(highest: int, lowest: int) -> list[Tick]:
    """Mark the y axis at multiples of 1, 2 or 5 times a power of ten.

    Args:
        highest: users above the zero line
        lowest: users below it, as a positive number; their marks are positive too
    """
    height = highest + lowest or 1
    step = next(size for size in round_numbers() if height <= MOST_STEPS * size)
    values = range(-(lowest // step) * step, highest + 1, step)
    return [Tick(abs(users), round(AXIS_HEIGHT * (highest - users) / height, 1)) for users in values]


def round_numbers() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50 and so on."""
    for power in count():
        yield from (10**power, 2 * 10**power, 5 * 10**power)


def bar_of(chosen: Chosen, stage: Stage, line: int) -> LifecycleBar:
    parts, top = [], line
    for state in UPWARDS:
        users: int = getattr(stage, state)
        top -= users
        parts.append(BarPart(state, top, users))
    parts.append(BarPart(UserState.DORMANT, line, stage.dormant))
    since = chosen.site.calendar.day_of(bounds(stage.period)[0])
    return LifecycleBar(stage.period.name, since.isoformat(), parts, stage.open)
