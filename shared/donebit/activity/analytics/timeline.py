"""One user's timeline: the periods in which the user was seen, and the streaks that they form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from donebit.activity.analytics.counts import number_of
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import bounds
from donebit.activity.site import Site
from donebit.activity.users.ids import User, check
from donebit.store.bitmaps import SEGMENT_BITS


@dataclass(frozen=True, slots=True)
class Streak:
    """Successive periods in which a user was seen, as [start, stop); without any, length 0 and no bounds."""

    length: int
    start: datetime | None = None
    stop: datetime | None = None
    # It begins with the first period of the question, so it may have begun earlier.
    at_least: bool = False


NO_STREAK = Streak(0)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Whether a user was seen in each period of a span; `present` has an element for each period."""

    span: PeriodRange
    present: tuple[bool, ...]

    @property
    def names(self) -> list[str]:
        """The names of the periods in which the user was seen, ascending."""
        return [period.name for period, here in zip(self.span.periods, self.present, strict=True) if here]

    @property
    def streaks(self) -> list[Streak]:
        """All streaks, ascending."""
        runs = groupby(range(len(self.present)), key=lambda place: self.present[place])
        return [self._streak(list(places)) for seen, places in runs if seen]

    def _streak(self, places: Sequence[int]) -> Streak:
        first, last = self.span.periods[places[0]], self.span.periods[places[-1]]
        return Streak(len(places), bounds(first)[0], bounds(last)[1], at_least=places[0] == 0)

    @property
    def longest(self) -> Streak:
        """The longest streak; the latest of them if several are equally long."""
        # As bytes, which Python searches at once: a loop over all streaks takes ten times as long.
        text = bytes(self.present)
        length = max(map(len, text.split(b"\0")))
        last = text.rfind(b"\1" * length) + length
        return self._streak(range(last - length, last)) if length else NO_STREAK

    @property
    def current(self) -> Streak:
        """The streak that ends at `counted_to`."""
        text = bytes(self.present[:-1] if self._is_pending else self.present)
        length = len(text) - len(text.rstrip(b"\1"))
        return self._streak(range(len(text) - length, len(text))) if length else NO_STREAK

    @property
    def counted_to(self) -> datetime:
        """Where a current streak must end: a running period without a visit so far does not break it."""
        return bounds(self.span.periods[-1])[0 if self._is_pending else 1]

    @property
    def _is_pending(self) -> bool:
        """Whether the last period is running, and had no visit so far."""
        return self.span.running and not self.present[-1]


def user_timeline(site: Site, event: Event, user: User, span: PeriodRange) -> Timeline:
    """The timeline of one user; that of a user never seen is empty.

    Raises:
        InvalidInput: the id is out of range, or of a kind that the event does not hold.
    """
    check(user, "user")
    number = number_of(site, event, user)
    if number is None:
        return Timeline(span, (False,) * len(span.periods))
    segment, bit = divmod(number, SEGMENT_BITS)
    periods = (period.name for period in span.periods)
    return Timeline(span, tuple(site.store.bitmaps.timeline(event.name, periods, segment, bit)))
