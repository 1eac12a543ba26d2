"""Funnels: how many users are in a first set, in the first and the second, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from donebit.activity.analytics import period_ranges
from donebit.activity.events import event as events
from donebit.activity.flags import flag as flags
from donebit.activity.periods.calendar import Granularity, Period
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set, both, union
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

FEWEST_STEPS, MOST_STEPS = 2, 8


class StepOrder(StrEnum):
    """How a step's period lies in relation to that of the previous step."""

    LATER = "later"  # after it: users in both did this step after the other
    EARLIER = "earlier"  # before it: users in both did this step first
    UNKNOWN = "unknown"  # they overlap, or one has no period: users in both did them in any order


@dataclass(frozen=True, slots=True)
class Step:
    """A set of users and its name; without bounds for a flag and for all time."""

    name: str
    users: Set
    kind: UserKind | None  # None for an event or flag without users
    start: datetime | None = None
    stop: datetime | None = None

    def order_after(self, other: Step) -> StepOrder:
        """How this step's period lies in relation to that of the step before it."""
        if self.start and other.stop and self.start >= other.stop:
            return StepOrder.LATER
        if self.stop and other.start and self.stop <= other.start:
            return StepOrder.EARLIER
        return StepOrder.UNKNOWN


@dataclass(frozen=True, slots=True)
class Reached:
    """How many users are in a step and in all before it; shares from 0 to 1, None if there are no users."""

    step: Step
    count: int
    of_first: float | None
    of_previous: float | None
    order: StepOrder | None  # None for the first


def in_period(site: Site, event: str, period: Period, now: datetime, field: str) -> Step:
    """The step of an event's users in a period.

    Raises:
        InvalidInput: no event can have the name, or the period has expired.
    """
    known = events.get(site, event)
    known.expiry.check(period, now, field)
    return Step(f"event {event}", Bitmap(event, period.name), known.kind, period.start, period.stop)


def in_days(site: Site, event: str, *, start: datetime, stop: datetime | None, now: datetime) -> Step:
    """The step of an event's users in any of the days in [start, stop).

    Raises:
        InvalidInput: as `period_ranges.requested_range` does.
    """
    known = events.get(site, event)
    span = period_ranges.requested_range(site, known, Granularity.DAY, start=start, stop=stop, now=now)
    imported = known.imports(site.calendar, now).within(span.start, span.stop, span.periods)
    users = union([Bitmap(event, period.name) for period in (*span.periods, *imported)])
    return Step(f"event {event}", users, known.kind, span.start, span.stop)


def flagged(site: Site, flag: str) -> Step:
    """The step of the users who have a flag. Raises InvalidInput for a name that no flag can have."""
    known = flags.get(site, flag)
    return Step(f"flag {flag}", known.bitmap, known.kind)


def reached(site: Site, steps: Sequence[Step]) -> list[Reached]:
    """How many users are in each step and in all steps before it, for 2 to 8 steps.

    Raises:
        InvalidInput: the steps are too few or too many, hold users of two kinds, or read more bitmaps than
            one script may.
    """
    check(steps)
    counts = _counts(site, [step.users for step in steps])
    return [
        Reached(
            step,
            counts[n],
            share(counts[n], counts[0]),
            share(counts[n], counts[n - 1]) if n else share(counts[0], counts[0]),
            step.order_after(steps[n - 1]) if n else None,
        )
        for n, step in enumerate(steps)
    ]


def _counts(site: Site, users: Sequence[Set]) -> list[int]:
    """How many users are in the first set, in the first two, and so on.

    The last steps are counted first, so that visits that arrive meanwhile have no step exceed the one before.
    """
    reaching = [both(*users[:steps]) for steps in range(len(users), 0, -1)]
    return algebra.counts(site.store, reaching)[::-1]


def check(steps: Sequence[Step]) -> None:
    """Raise InvalidInput for too few or too many steps, or users of two kinds."""
    if not FEWEST_STEPS <= len(steps) <= MOST_STEPS:
        raise InvalidInput(
            f"a funnel has {FEWEST_STEPS} to {MOST_STEPS} steps; this one has {len(steps)}", field="steps"
        )
    known = [step for step in steps if step.kind]
    for step in known:
        if step.kind is not known[0].kind:
            raise InvalidInput(
                f"{known[0].name} holds {known[0].kind}, and {step.name} holds {step.kind}: nobody can be in "
                "both",
                field="steps",
            )


def share(part: int, whole: int) -> float | None:
    """The part as a share of the whole, to six places; None if the whole is 0."""
    return round(part / whole, 6) if whole else None
