"""Lifecycle: who of a period's users is new, returning or resurrecting, and who of the last one's is dormant.

As PostHog defines them (https://posthog.com/docs/product-analytics/lifecycle), except that a user is new in
the period of the first visit that is kept: there is no profile here whose creation could tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from donebit.activity.analytics import cohort_rows, retention
from donebit.activity.analytics.cohort_rows import CohortRow, RowCounts
from donebit.activity.analytics.retention import Question
from donebit.activity.periods.calendar import Period, bounds
from donebit.activity.sets.algebra import Set, both, union, without
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

MOST_PERIODS = 400


class UserState(StrEnum):
    """What a user is in a period. Active are the new, the returning and the resurrecting; no one is two."""

    NEW = "new"  # active, and never before
    RETURNING = "returning"  # active, and in the period before as well
    RESURRECTING = "resurrecting"  # active, not in the period before, but at some time before that
    DORMANT = "dormant"  # not active, but in the period before


@dataclass(frozen=True, slots=True)
class Stage:
    """How many users are what in one period. What is `open` is not over yet: its dormant may still come."""

    period: Period
    new: int
    returning: int
    resurrecting: int
    dormant: int
    open: bool

    @property
    def active(self) -> int:
        return self.new + self.returning + self.resurrecting


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Successive periods, the earliest first. Nothing from before `known_from` is kept."""

    stages: tuple[Stage, ...]
    known_from: datetime


def lifecycle(site: Site, asked: Question, periods: Sequence[Period]) -> Lifecycle:
    """What users are in successive periods, all begun and kept.

    Raises:
        InvalidInput: too many periods, the one before the first is no longer kept, or too many bitmaps tell
            who was there before.
    """
    if len(periods) > MOST_PERIODS:
        raise InvalidInput(f"{len(periods)} periods are asked for; at most {MOST_PERIODS}", field="periods")
    successive = [_last(site, asked, periods[0]), *periods]
    everybody = [
        CohortRow(_bitmap(asked, last), (_bitmap(asked, period),)) for last, period in pairwise(successive)
    ]
    new = [
        CohortRow(_bitmap(asked, period), (), _known(asked, last, period))
        for last, period in pairwise(successive)
    ]
    active = cohort_rows.counted(site.store, [*everybody, CohortRow(_bitmap(asked, successive[-1]), ())])
    first = cohort_rows.counted(site.store, new)
    stages = (
        _stage(period, *counted, made.size, asked.now)
        for period, counted, made in zip(periods, pairwise(active), first, strict=True)
    )
    return Lifecycle(tuple(stages), asked.kept.known_from())


def _last(site: Site, asked: Question, period: Period) -> Period:
    last = site.calendar.before(period)
    retention.refuse_past(asked, last, "the period before")
    return last


def _known(asked: Question, last: Period, period: Period) -> tuple[Bitmap, ...]:
    """Who was there before a period. The one before it is among them whatever is kept: nobody is two."""
    return (_bitmap(asked, last), *(retention.before(asked, period) or ()))


def _bitmap(asked: Question, period: Period) -> Bitmap:
    return Bitmap(asked.event.name, period.name)


def _stage(period: Period, before: RowCounts, active: RowCounts, new: int, now: datetime) -> Stage:
    (returning,) = before.columns
    resurrecting = active.size - returning - new
    return Stage(period, new, returning, resurrecting, before.size - returning, bounds(period)[1] > now)


def users(site: Site, asked: Question, period: Period, state: UserState) -> Set:
    """Who is what in a period, as a set to be named, counted or combined further.

    Raises:
        InvalidInput: the period before it is no longer kept.
    """
    last = _last(site, asked, period)
    active, earlier = _bitmap(asked, period), _bitmap(asked, last)
    known = union(_known(asked, last, period))
    match state:
        case UserState.NEW:
            return without(active, known)
        case UserState.RETURNING:
            return both(active, earlier)
        case UserState.RESURRECTING:
            return without(both(active, known), earlier)
        case UserState.DORMANT:
            return without(earlier, active)
