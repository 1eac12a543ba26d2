"""Lifecycle: how many users of each period are new, returning or resurrecting, and how many are dormant.

As PostHog defines them (https://posthog.com/docs/product-analytics/lifecycle), except that a user is new in
the period of the first retained visit: there is no profile here whose creation would be the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from donebit.activity.analytics import cohort_rows, retention
from donebit.activity.analytics.cohort_row import CohortRow, RowCounts
from donebit.activity.analytics.retention import Question
from donebit.activity.periods.calendar import Period, bounds
from donebit.activity.sets.algebra import Set, both, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

MOST_PERIODS = 400


class UserState(StrEnum):
    """A user's state in a period; exactly one. New, returning and resurrecting users are active."""

    NEW = "new"  # active for the first time
    RETURNING = "returning"  # active, and active in the previous period
    RESURRECTING = "resurrecting"  # active, not active in the previous period, but before that
    DORMANT = "dormant"  # not active, but active in the previous period


@dataclass(frozen=True, slots=True)
class Stage:
    """How many users are in each state in one period; `open` if it has not ended, so numbers may change."""

    period: Period
    new: int
    returning: int
    resurrecting: int
    dormant: int
    open: bool

    @property
    def active(self) -> int:
        """Users who were active in the period."""
        return self.new + self.returning + self.resurrecting


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Successive periods, the earliest first. No visit before `known_from` is retained."""

    stages: tuple[Stage, ...]
    known_from: datetime


def lifecycle(site: Site, asked: Question, periods: Sequence[Period]) -> Lifecycle:
    """The states of users in successive periods, all of them begun and retained.

    Raises:
        InvalidInput: there are too many periods, the one before the first has expired, or too many bitmaps
            would be read to find the first-time users.
    """
    if len(periods) > MOST_PERIODS:
        raise InvalidInput(f"periods is {len(periods)}; at most {MOST_PERIODS}", field="periods")
    successive = [_last(site, asked, periods[0]), *periods]
    everybody = [
        CohortRow(_bitmap(asked, last), (_bitmap(asked, period),)) for last, period in pairwise(successive)
    ]
    new = [
        CohortRow(_bitmap(asked, period), (), _known(asked, last, before.users), before.besides)
        for (last, period), before in zip(
            pairwise(successive), retention.before_rows(asked, periods), strict=True
        )
    ]
    returned = cohort_rows.count_rows(site.store, everybody)
    active = cohort_rows.count_rows(site.store, new)
    stages = (
        _stage(period, before, users, asked.now)
        for period, before, users in zip(periods, returned, active, strict=True)
    )
    return Lifecycle(tuple(stages), asked.kept.known_from())


def _last(site: Site, asked: Question, period: Period) -> Period:
    last = site.calendar.before(period)
    retention.refuse_past(asked, last, "the period before")
    return last


def _known(asked: Question, last: Period, earlier: Sequence[Bitmap] | None) -> tuple[Bitmap, ...]:
    """The bitmaps of the users seen before a period, from those that its history has.

    The previous period is always among them, even if its month has expired: no user is in two states.
    """
    return (_bitmap(asked, last), *(earlier or ()))


def _bitmap(asked: Question, period: Period) -> Bitmap:
    return Bitmap(asked.event.name, period.name)


def _stage(period: Period, before: RowCounts, active: RowCounts, now: datetime) -> Stage:
    """The states of a period's users.

    Args:
        before: users of the period before, and those of them who returned
        active: new users and others, counted after `before`: no visit in between makes one negative
    """
    (returning,) = before.columns
    resurrecting, dormant = active.seen - returning, before.size - returning
    return Stage(period, active.size, returning, resurrecting, dormant, bounds(period)[1] > now)


def users(site: Site, asked: Question, period: Period, state: UserState) -> Set:
    """The users in a state in a period, as a set to be listed, counted or combined further.

    Raises:
        InvalidInput: the period before it has expired.
    """
    last = _last(site, asked, period)
    active, earlier = _bitmap(asked, period), _bitmap(asked, last)
    known = union(_known(asked, last, retention.earlier_bitmaps(asked, period)))
    match state:
        case UserState.NEW:
            return without(active, known)
        case UserState.RETURNING:
            return both(active, earlier)
        case UserState.RESURRECTING:
            return without(both(active, known), earlier)
        case UserState.DORMANT:
            return without(earlier, active)
