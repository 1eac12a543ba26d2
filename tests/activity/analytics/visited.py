"""Who was where when, as plain Python has it: the oracle of the questions that go through many periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from redis import Redis

from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.events.event import Event
from donebit.activity.site import Site
from donebit.activity.users.ids import LARGEST_ID, User
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import site_on

# The server forgets by its own clock, so what is looked at lies ahead: from a leap day over a year's end.
LEAP_YEAR = next(year for year in range(datetime.now(UTC).year, 9000) if year % 4 == 0 and year % 100)
NOW = datetime(LEAP_YEAR + 1, 1, 20, 9, 30, tzinfo=UTC)
LEAP_DAY = datetime(LEAP_YEAR, 2, 29, 12, tzinfo=UTC)
# The last Sunday of March, and that of October: days of 23 and of 25 hours in Berlin.
CLOCKS_FORWARD, CLOCKS_BACK = (
    max(
        day
        for day in (datetime(LEAP_YEAR, month, number, 1, tzinfo=UTC) for number in range(25, 32))
        if day.isoweekday() == 7
    )
    for month in (3, 10)
)
# The week of this first of a month began in the month before.
FIRST_IN_MID_WEEK = next(
    first
    for first in (datetime(LEAP_YEAR, month, 1, 12, tzinfo=UTC) for month in (11, 10))
    if first.isoweekday() > 1
)

BORDERS = [0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, 2 * SEGMENT_BITS + 3, LARGEST_ID]
BERLIN = "Europe/Berlin"

Visit = tuple[User, datetime]


def berlin(client: Redis) -> Site:
    return site_on(Store.on(client), zone=BERLIN)


def visit(site: Site, visits: Collection[Visit], event: str = "seen", *, now: datetime = NOW) -> Event:
    """Record them, those of a moment together."""
    by_moment: dict[datetime, list[User]] = defaultdict(list)
    for user, at in visits:
        by_moment[at].append(user)
    for at, users in by_moment.items():
        ingest.record(site, event, users, at=at, now=now)
    return events.get(site, event)


def name_at(granularity: str, moment: datetime, zone: str = BERLIN) -> str:
    """What the period of a moment is called, from the clock on the wall."""
    there = moment.astimezone(ZoneInfo(zone))
    year, week, _ = there.isocalendar()
    return {
        "hour": f"{moment.astimezone(UTC):%Y-%m-%dT%H}",
        "day": f"{there:%Y-%m-%d}",
        "week": f"{year}-W{week:02}",
        "month": f"{there:%Y-%m}",
    }[granularity]


def names(granularity: str, start: datetime, stop: datetime, zone: str = BERLIN) -> list[str]:
    """Every period that has a part in [start, stop), hour by hour."""
    hours = int((stop - start) / timedelta(hours=1)) + 1
    moments = [start + timedelta(hours=hour) for hour in range(hours)]
    found = [name_at(granularity, moment, zone) for moment in moments if moment < stop]
    return list(dict.fromkeys([*found, name_at(granularity, stop - timedelta(seconds=1), zone)]))


def present(visits: Collection[Visit], user: User, granularity: str, periods: Sequence[str]) -> list[bool]:
    """In which of the periods a user was here."""
    seen = {name_at(granularity, at) for one, at in visits if one == user}
    return [period in seen for period in periods]


def streaks(here: Sequence[bool], *, running: bool) -> tuple[int, int]:
    """(longest, current), counted one by one."""
    longest = run = 0
    runs = []
    for one in here:
        run = run + 1 if one else 0
        longest = max(longest, run)
        runs.append(run)
    if running and not here[-1]:
        runs = [0, *runs[:-1]]
    return longest, runs[-1]
