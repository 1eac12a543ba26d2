"""One user's timeline: in which periods the user was here, and the streaks that they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from donebit.activity.analytics.counts import number_of
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import bounds
from donebit.activity.site import Site
from donebit.activity.users.ids import User, check
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap


@dataclass(frozen=True, slots=True)
class Streak:
    """Periods in a row in which a user was here, as [start, stop); none of them: length 0, and no bounds."""

    length: int
    start: datetime | None = None
    stop: datetime | None = None
    # It begins with the first period that was asked about, so it may have begun before.
    at_least: bool = False


NO_STREAK = Streak(0)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A user in the periods of a span: `present` has as many as the span."""

    span: PeriodRange
    present: tuple[bool, ...]

    @property
    def names(self) -> list[str]:
        """Of the periods in which the user was here, ascending."""
        return [period.name for period, here in zip(self.span.periods, self.present, strict=True) if here]

    @property
    def streaks(self) -> list[Streak]:
        """All of them, ascending."""
        found = groupby(range(len(self.present)), key=lambda place: self.present[place])
        return [self._streak(list(places)) for here, places in found if here]

    def _streak(self, places: list[int]) -> Streak:
        first, last = self.span.periods[places[0]], self.span.periods[places[-1]]
        return Streak(len(places), bounds(first)[0], bounds(last)[1], at_least=places[0] == 0)

    @property
    def longest(self) -> Streak:
        """The longest streak, and of several as long the latest."""
        return max(reversed(self.streaks), key=lambda streak: streak.length, default=NO_STREAK)

    @property
    def current(self) -> Streak:
        """The streak that reaches the end of `counted_to`."""
        last = self.streaks[-1:]
        return last[0] if last and last[0].stop == self.counted_to else NO_STREAK

    @property
    def counted_to(self) -> datetime:
        """Up to when the current streak counts: a running period breaks none by being empty so far."""
        pending = self.span.running and not self.present[-1]
        return bounds(self.span.periods[-1])[0 if pending else 1]


def user_timeline(site: Site, event: Event, user: User, span: PeriodRange) -> Timeline:
    """The timeline of one user; of one never seen it is empty.

    Raises:
        InvalidInput: the user cannot be one, or is of the kind that the event does not hold.
    """
    check(user, "user")
    number = number_of(site, event, user)
    if number is None:
        return Timeline(span, (False,) * len(span.periods))
    segment, bit = divmod(number, SEGMENT_BITS)
    bitmaps = [Bitmap(event.name, period.name) for period in span.periods]
    return Timeline(span, tuple(site.store.bitmaps.timeline(bitmaps, segment, bit)))
