"""Requests that change activity, drawn by chance, and what each changes in plain sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from donebit.activity.periods.calendar import ALL_TIME, DAY, Granularity, bounds
from donebit.activity.users.ids import User
from donebit.names import EXAMPLE_EVENT
from tests.activity.arranged import FAR, UTC_CALENDAR
from tests.faults.harness.activity import FLAGS, HOURS_AGO, NOW, USERS, Activity

# Whether a period is kept does not change while a test runs: none ends so long before that.
EXPIRIES = ({"day": 30, "week": 60}, {"hour": 3}, {"hour": 2, "day": 400, "week": 840})
LINES = "application/x-ndjson"

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
