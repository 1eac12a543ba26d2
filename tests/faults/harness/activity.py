"""Activity in plain sets: what the service must say of it, whatever happens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from donebit.activity.periods.calendar import ALL_TIME, DAY, Granularity, Period, bounds
from donebit.activity.users.ids import User
from donebit.names import EXAMPLE_EVENT
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import UTC_CALENDAR, real_now

NOW = real_now()
HOURS_AGO = (1, 30, 55, 8 * 24, 20 * 24, 35 * 24, 50 * 24, 70 * 24)
USERS: dict[str, list[User]] = {
    "numbers": [0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS + 9],
    "mapped": [7, 2**32 - 1],
    "texts": ["a", "\u00e4", "7"],
}
FLAGS = ("f", "g")  # of integers


class Fact(NamedTuple):
    """A user was here at some moment from `start` until `stop`; nothing closer is known."""

    user: User
    start: datetime
    stop: datetime


class Sight(NamedTuple):
    """Who was where: the users of each period of an event, and of each flag."""

    events: dict[tuple[str, Period], set[User]]
    flags: dict[str, set[User]]

    def of(self, user: User) -> tuple[frozenset[tuple[str, Period]], frozenset[str]]:
        """Where a user was."""
        return (
            frozenset(where for where, users in self.events.items() if user in users),
            frozenset(flag for flag, users in self.flags.items() if user in users),
        )


@dataclass
class Activity:
    """What was recorded, in plain Python."""

    facts: dict[str, set[Fact]] = field(default_factory=lambda: defaultdict(set))
    flags: dict[str, set[User]] = field(default_factory=lambda: defaultdict(set))
    shortened: set[str] = field(default_factory=set)  # events of which periods may be gone

    def see(self, event: str, users: Iterable[User], start: datetime, stop: datetime) -> None:
        self.facts[event] |= {Fact(user, start, stop) for user in users}

    def take_back(self, event: str, start: datetime, stop: datetime) -> None:
        """Longer periods that were imported as a whole stay."""
        self.facts[event] = {
            one
            for one in self.facts[event]
            if not (start <= one.start and one.stop <= stop and one.stop - one.start <= DAY)
        }

    def erase(self, user: User) -> None:
        """A text of digits with the integer, and the integer with it."""
        for event, facts in self.facts.items():
            self.facts[event] = {one for one in facts if str(one.user) != str(user)}
        for flag, users in self.flags.items():
            self.flags[flag] = {one for one in users if str(one) != str(user)}

    def set_expiry(self, event: str) -> None:
        self.shortened.add(event)

    def forget(self, event: str) -> None:
        self.facts[event] = set()
        self.shortened.discard(event)

    def flag(self, flag: str, users: Iterable[User], *, value: bool) -> None:
        self.flags[flag] = self.flags[flag] | set(users) if value else self.flags[flag] - set(users)

    def replace(self, flag: str, users: Iterable[User]) -> None:
        self.flags[flag] = set(users)

    def save(self, flag: str, left: str, right: str) -> None:
        self.flags[flag] = self.flags[left] | self.flags[right]

    def sight(self, periods: Iterable[tuple[str, Period]]) -> Sight:
        events = {(event, period): self._within(event, period) for event, period in periods}
        return Sight(events, {flag: set(self.flags[flag]) for flag in FLAGS})

    def _within(self, event: str, period: Period) -> set[User]:
        if period == ALL_TIME:
            return {fact.user for fact in self.facts[event]}
        start, stop = bounds(period)
        return {fact.user for fact in self.facts[event] if start <= fact.start and fact.stop <= stop}

    def users(self) -> set[User]:
        of_events = {fact.user for facts in self.facts.values() for fact in facts}
        return of_events.union(*self.flags.values())

    def keep_users(self, users: Iterable[User], other: Activity) -> None:
        """Have these users be as they are in another."""
        chosen = set(users)
        for event in {*self.facts, *other.facts}:
            kept = {one for one in self.facts[event] if one.user not in chosen}
            self.facts[event] = kept | {one for one in other.facts[event] if one.user in chosen}
        for flag in {*self.flags, *other.flags}:
            self.flags[flag] = (self.flags[flag] - chosen) | (other.flags[flag] & chosen)


def periods_of(event: str) -> list[Period]:
    """Every period that a visit may be in, without those of which it is not known."""
    if event == EXAMPLE_EVENT:
        return [ALL_TIME]
    moments = [NOW - timedelta(hours=hours) for hours in HOURS_AGO]
    found = {UTC_CALENDAR.period_at(one, at) for at in moments for one in Granularity}
    return sorted(found, key=lambda period: period.name)


def is_kept_for_certain(activity: Activity, event: str, period: Period) -> bool:
    """Whether no expiry has ever been short enough to drop it: hours are kept for two days by default."""
    of_hours = period.granularity is Granularity.HOUR and bounds(period)[1] < NOW - 2 * DAY
    return not (of_hours or event in activity.shortened)
