"""What the page of users computes for 10^8 users and 120 days: at first, and looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks.figures import Figure, bounded, compared, duration
from benchmarks.own_server import own_server
from donebit import clock
from donebit.activity.events import event as events
from donebit.activity.periods.calendar import Calendar, Granularity
from donebit.activity.site import Site
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from trigger_app.pages.distinct import curves, lifecycle, retention
from trigger_app.pages.distinct.choice import Chosen
from trigger_app.pages.distinct.figures import figures

USERS = 10**8
SEGMENTS = range(-(-USERS // SEGMENT_BITS))
DAYS = 120
ROUNDS = 7
EVENT = "bench"
WITHIN = 1.0  # second
OF_THE_SERVER = 1 / 5  # of its time when nothing was kept
SHORT = [Granularity.DAY, Granularity.WEEK, Granularity.MONTH, Granularity.ALL]


def measure() -> list[Figure]:
    """Medians of looks that take turns: with what is kept dropped before, and with it there.

    In between somebody came today, as at any time of the day, and yesterday, as late visits do.
    """
    with own_server() as client:
        client.config_set("appendonly", "no")  # it would be 1.6 GB
        site, now = Site(Store.on(client), Calendar(ZoneInfo("UTC")), 1024), clock.now()
        lay(client, site, now)
        first, again = look_in_turns(client, site, now)
        kept, whole = memory(client, "windows"), memory(client, "20*")
    times, work = zip(*again, strict=True)
    first_times, first_work = zip(*first, strict=True)
    return [
        Figure(f"{USERS:,} users, {DAYS} days, nothing kept", duration(median(first_times))),
        bounded("the same, looked at again", median(times), at_most=WITHIN),
        compared(
            "time of the server for it",
            median(work),
            "nothing kept",
            median(first_work),
            at_most=OF_THE_SERVER,
        ),
        Figure("bytes kept for it", f"{kept / 1e6:.3g} MB", f"{whole / 1e6:.4g} MB (the bitmaps)"),
    ]


Looks = list[tuple[float, float]]  # how long each took, and how long the server worked for it; seconds


def look_in_turns(client: Redis, site: Site, now: datetime) -> tuple[Looks, Looks]:
    first: Looks = []
    again: Looks = []
    for _ in range(ROUNDS):
        client.unlink(*(keys.kept_windows(segment, EVENT) for segment in SEGMENTS))
        first.append(timed(client, lambda: look(site)))
        for ago in (0, 1):
            visit(client, site, now - timedelta(days=ago))
        again.append(timed(client, lambda: look(site)))
    return first, again


def visit(client: Redis, site: Site, at: datetime) -> None:
    """Set the bit of one user of each segment who was not there that week, in every period."""
    day, week, *longer = (site.calendar.period_at(each, at).name for each in SHORT)
    for segment in SEGMENTS:
        user = client.bitpos(keys.segment(segment, EVENT, week), 0)
        for name in (day, week, *longer):
            client.setbit(keys.segment(segment, EVENT, name), user, 1)


def look(site: Site) -> None:
    """All that the page computes; streaks of so many it refuses."""
    chosen = Chosen(site, events.get(site, EVENT), Granularity.WEEK, clock.now())
    figures(site, EVENT)
    curves.curves(chosen)
    retention.heat_map(chosen)
    lifecycle.bars(chosen)


def timed(client: Redis, run: Callable[[], None]) -> tuple[float, float]:
    worked, began = work_of(client), time.perf_counter()
    run()
    return time.perf_counter() - began, work_of(client) - worked


def work_of(client: Redis) -> float:
    """The processor time of the server until now; seconds."""
    found = client.info("cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def memory(client: Redis, of: str) -> int:
    """Bytes of the event's keys whose last part matches."""
    names = list(client.scan_iter(f"{keys.prefix}seen:*:{EVENT}:{of}", count=1000))
    return sum(int(client.memory_usage(name) or 0) for name in names)


def lay(client: Redis, site: Site, now: datetime) -> None:
    """An eighth of the users each day, in its week, its month and all time too."""
    random, width = np.random.default_rng(1), SEGMENT_BITS // 8
    drawn = [np.bitwise_and.reduce(random.integers(0, 256, (3, width), np.uint8)) for _ in range(DAYS + 31)]
    registry = np.packbits(np.ones(len(SEGMENTS), np.uint8)).tobytes()
    client.hset(keys.event_meta(EVENT), "kind", "integers")
    client.hset(keys.EVENTS, EVENT, "integers")
    for ago in range(DAYS):
        names = [site.calendar.period_at(each, now - timedelta(days=ago)).name for each in SHORT]
        client.zadd(keys.periods(EVENT), dict.fromkeys(names, 0))
        client.mset({Bitmap(EVENT, name).registry(keys): registry for name in names})
        for segment in SEGMENTS:
            day, *longer = (keys.segment(segment, EVENT, name) for name in names)
            with client.pipeline(transaction=False) as pipe:
                pipe.set(day, drawn[(7 * segment + 13 * ago) % len(drawn)].tobytes())
                for name in longer:
                    pipe.bitop("OR", name, name, day)
                pipe.execute()
