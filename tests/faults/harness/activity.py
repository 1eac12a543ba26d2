"""Activity in plain sets, and the requests that change it: what the service must say whatever happens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from donebit.activity.periods.calendar import ALL_TIME, DAY, Granularity, Period, bounds
from donebit.activity.users.ids import User
from donebit.names import EXAMPLE_EVENT
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import FAR, UTC_CALENDAR, real_now

NOW = real_now()
HOURS_AGO = (1, 30, 55, 8 * 24, 20 * 24, 35 * 24, 50 * 24, 70 * 24)
USERS: dict[str, list[User]] = {
    "numbers": [0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS + 9],
    "mapped": [7, 2**32 - 1],
    "texts": ["a", "\u00e4", "7"],
}
FLAGS = ("f", "g")  # of integers
# Whether a period is kept does not change while a test runs: none ends so long before that.
EXPIRIES = ({"day": 30, "week": 60}, {"hour": 3}, {"hour": 2, "day": 400, "week": 840})
LINES = "application/x-ndjson"


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


Change = Callable[[Activity], object]


@dataclass(frozen=True)
class Act:
    """A request, and what it changes.

    Attributes:
        flag: that it replaces as a whole, so that nobody sees a part of that
        reads: flags from which it does so
        alone: nothing else is done at the same time
    """

    method: str
    path: str
    change: Change
    body: bytes | None = None
    kind: str = "application/json"
    flag: str | None = None
    reads: tuple[str, ...] = ()
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} {(self.body or b'').decode()}"

    @property
    def event(self) -> str:
        """The event or flag that it names, or a user."""
        return self.path.partition("?")[0].split("/")[-1 if self.path.count("/") == 1 else 2]

    def may_be_refused(self, activity: Activity) -> bool:
        """Whether it may need a period that is not kept."""
        return self.event in activity.shortened or "period=hour" in self.path

    def done(self, activity: Activity) -> Activity:
        after = deepcopy(activity)
        self.change(after)
        return after


def as_json(body: object) -> bytes:
    return json.dumps(body).encode()


def as_lines(users: Iterable[User]) -> bytes:
    return b"".join(as_json(user) + b"\n" for user in users)


def some(chance: Random, users: list[User]) -> list[User]:
    return chance.sample(users, chance.randint(1, len(users)))


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def moment(chance: Random) -> datetime:
    return (NOW - timedelta(hours=chance.choice(HOURS_AGO))).replace(microsecond=0)


def record(chance: Random) -> Act:
    event, at = chance.choice(list(USERS)), moment(chance)
    users = some(chance, USERS[event])
    return Act(
        "POST",
        f"/events/{event}{'?ids=mapped' if event == 'mapped' else ''}",
        lambda activity: activity.see(event, users, at, at + timedelta(microseconds=1)),
        as_json({"users": users, "at": iso(at)}),
    )


def visit(chance: Random) -> Act:
    """The request of the example: one visit now, of which only all time is looked at."""
    user = chance.choice(USERS["numbers"])
    return Act(
        "POST",
        f"/{EXAMPLE_EVENT}?userId={user}",
        lambda activity: activity.see(EXAMPLE_EVENT, [user], NOW - FAR, NOW + FAR),
    )


def import_period(chance: Random) -> Act:
    event, at = chance.choice(list(USERS)), moment(chance)
    granularity = chance.choice(list(Granularity))
    period = UTC_CALENDAR.period_at(granularity, at)
    start, stop = (NOW - FAR, NOW + FAR) if period == ALL_TIME else bounds(period)
    users = some(chance, USERS[event])
    ids = "&ids=mapped" if event == "mapped" else ""
    return Act(
        "POST",
        f"/events/{event}/bitmap?format=ids&period={granularity}&at={iso(at)}{ids}",
        lambda activity: activity.see(event, users, start, stop),
        as_lines(users),
        LINES,
    )


def take_back(chance: Random) -> Act:
    event, first = chance.choice(list(USERS)), UTC_CALENDAR.day_of(moment(chance))
    last = min(first + chance.choice([1, 1, 5, 20]) * DAY, UTC_CALENDAR.day_of(NOW) + DAY)
    start, stop = UTC_CALENDAR.midnight(first), UTC_CALENDAR.midnight(last)
    return Act(
        "DELETE",
        f"/events/{event}/visits?from={first}&to={last}",
        lambda activity: activity.take_back(event, start, stop),
    )


def erase(chance: Random) -> Act:
    user = chance.choice(chance.choice(list(USERS.values())))
    return Act("DELETE", f"/users/{user}", lambda activity: activity.erase(user))


def set_expiry(chance: Random) -> Act:
    event = chance.choice(list(USERS))
    return Act(
        "PUT",
        f"/events/{event}/expiry",
        lambda activity: activity.set_expiry(event),
        as_json(chance.choice(EXPIRIES)),
        alone=True,
    )


def forget(chance: Random) -> Act:
    event = chance.choice(list(USERS))
    return Act("DELETE", f"/events/{event}", lambda activity: activity.forget(event), alone=True)


def set_flag(chance: Random) -> Act:
    flag, users, value = chance.choice(FLAGS), some(chance, USERS["numbers"]), chance.random() < 0.6
    return Act(
        "PUT" if value else "DELETE",
        f"/flags/{flag}/users",
        lambda activity: activity.flag(flag, users, value=value),
        as_json({"users": users}),
    )


def replace_flag(chance: Random) -> Act:
    flag, users = chance.choice(FLAGS), some(chance, USERS["numbers"])
    return Act(
        "PUT",
        f"/flags/{flag}/bitmap?format=ids",
        lambda activity: activity.replace(flag, users),
        as_lines(users),
        LINES,
        flag=flag,
    )


def save_flag(chance: Random) -> Act:
    flag, left, right = chance.choice(FLAGS), chance.choice(FLAGS), chance.choice(FLAGS)
    return Act(
        "PUT",
        f"/flags/{flag}",
        lambda activity: activity.save(flag, left, right),
        as_json({"text": f"flag:{left} | flag:{right}"}),
        flag=flag,
        reads=(left, right),
    )


ACTS: tuple[Callable[[Random], Act], ...] = (
    *(record, visit, import_period, take_back, erase, set_flag, replace_flag, save_flag) * 3,
    set_expiry,
    forget,
)


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
