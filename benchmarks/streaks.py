"""Streaks of a user over 400 days, and of a million users over 365, each against the plain way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks import other_events
from benchmarks.figures import Figure, compared
from benchmarks.own_server import own_server
from donebit import clock
from donebit.activity.analytics import period_ranges, streaks, timeline
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.events import event as events
from donebit.activity.periods.calendar import Calendar, Granularity
from donebit.activity.site import Site
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap

EVENT = "bench"
USERS, DAYS = 1_000_000, 365
USER, USERS_DAYS = 123_456, 400
SAMPLE = 2_000  # users that the plain way counts: it takes as long for each
ROUNDS, RUNS = 50, 8


def measure() -> list[Figure]:
    """The bitmaps are as visits leave them, half of all users here on any day."""
    with own_server() as client:
        site = Site(Store.on(client), Calendar(ZoneInfo("UTC")), 64)
        fill(client, site)
        other_events.fill(client, clock.now())
        return [*of_one(client, site), *of_all(client, site)]


def fill(client: Redis, site: Site) -> None:
    random = np.random.default_rng(1)
    client.hset(keys.event_meta(EVENT), "kind", "integers")
    for period in asked(site, USERS_DAYS).periods:
        day = Bitmap(EVENT, period.name)
        client.set(day.segment(keys, 0), random.bytes(SEGMENT_BITS // 8)[: USERS // 8])
        client.setbit(day.registry(keys), 0, 1)


def asked(site: Site, days: int) -> PeriodRange:
    now = clock.now()
    event = events.get(site, EVENT)
    start = site.calendar.midnight((now - timedelta(days=days - 1)).date())
    return period_ranges.requested_range(site, event, Granularity.DAY, start=start, stop=None, now=now)


def of_one(client: Redis, site: Site) -> list[Figure]:
    """Medians of rounds in which both take turns."""
    rounds = [
        (seconds(lambda: streak(site)), seconds(lambda: streak_by_getbits(client, site)))
        for _ in range(ROUNDS)
    ]
    own, plain = (median(taken) for taken in zip(*rounds, strict=True))
    assert streak(site) == streak_by_getbits(client, site)
    what = f"the longest streak of one user in {USERS_DAYS} days"
    return [compared(what, own, "GETBIT pipeline", plain, at_most=0.5)]


def streak(site: Site) -> int:
    event = events.get(site, EVENT)
    return timeline.user_timeline(site, event, USER, asked(site, USERS_DAYS)).longest.length


def streak_by_getbits(client: Redis, site: Site) -> int:
    """As one would write it: a GETBIT a day in a pipeline, counted in a loop."""
    with client.pipeline(transaction=False) as pipe:
        for period in asked(site, USERS_DAYS).periods:
            pipe.getbit(keys.segment(0, EVENT, period.name), USER)
        return longest(pipe.execute())


def of_all(client: Redis, site: Site) -> list[Figure]:
    """The quickest of each: whatever else the machine does only adds."""
    own = min(seconds(lambda: distribution(site)) for _ in range(RUNS))
    plain = min(seconds(lambda: distribution_by_user(client, site)) for _ in range(RUNS))
    read = min(seconds(lambda: read_days(client, site)) for _ in range(RUNS))
    what = f"the longest streaks of {USERS:,} users in {DAYS} days"
    loop = f"a loop over {SAMPLE:,} users' days"
    return [
        compared(f"{what}, a user", own / USERS, loop, plain / SAMPLE, at_most=1 / 300),
        compared(what, own, "GET of each bitmap, in a pipeline", read, at_most=3.0),
    ]


def read_days(client: Redis, site: Site) -> None:
    """What counting them on the client cannot do without: all bytes of all days."""
    with client.pipeline(transaction=False) as pipe:
        for period in asked(site, DAYS).periods:
            pipe.get(keys.segment(0, EVENT, period.name))
        pipe.execute()


def distribution(site: Site) -> list[int]:
    found = streaks.distribution(site, events.get(site, EVENT), asked(site, DAYS))
    assert found.users == USERS
    return [int(number) for number in found.longest]


def distribution_by_user(client: Redis, site: Site) -> list[int]:
    """As one would write it: the bytes of every day, and a loop over users and days."""
    names = [keys.segment(0, EVENT, period.name) for period in asked(site, DAYS).periods]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.getrange(name, 0, SAMPLE // 8 - 1)
        days = pipe.execute()
    counts = [0] * (DAYS + 1)
    for user in range(SAMPLE):
        counts[longest([day[user >> 3] >> (7 - (user & 7)) & 1 for day in days])] += 1
    return counts


def longest(here: Sequence[int]) -> int:
    most = run = 0
    for one in here:
        run = run + 1 if one else 0
        most = max(most, run)
    return most


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
