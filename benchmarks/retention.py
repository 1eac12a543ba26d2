"""12 x 12 weekly retention against bitmapist's own cohort call; and what stickiness and a lifecycle take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations_with_replacement, count
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks import other_events
from benchmarks.fan_out import NOTED_FROM_MICROSECONDS, note_slow_commands
from benchmarks.figures import Figure, compared, duration
from benchmarks.own_server import own_server
from donebit import clock
from donebit.activity.analytics import lifecycle, retention, stickiness
from donebit.activity.analytics.retention import Cohort, Matrix, Question
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Calendar, Granularity, Period
from donebit.activity.site import Site
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS

ROWS = COLUMNS = 12
BOUNDS = {10**6: 1 / 10, 10**7: 1 / 4}
OF_PAIRS = 1.0  # of the same operations on the server, each a command of a pipeline
ACTIVE = 0.3  # of all users, each week; at random
ROUNDS = 12
SOME = 8  # users; each was here this week already as likely as ACTIVE says
DAYS = 28
EVENT, PEER = "active", "bitmapist"


def measure() -> list[Figure]:
    """The quickest of rounds in which all take turns, after both ways gave the same answer.

    Before each look of *looked at again* somebody visits, so that the pairs of this week are counted.
    """
    figures: list[Figure] = []
    for users, bound in BOUNDS.items():
        with own_server() as client:
            figures += of_users(client, users, bound)
    return figures


def of_users(client: Redis, users: int, bound: float) -> list[Figure]:
    site, now, call = Site(Store.on(client), Calendar(ZoneInfo("UTC")), 1024), clock.now(), peer_on(client)
    weeks = filled(client, site, users, now)
    other_events.fill(client, now)
    require_same(matrix(site, weeks, Cohort.RECURRING, now), call())
    segments = users // SEGMENT_BITS + 1
    asked = questions(client, site, weeks, now, segments)
    pairs = partial(pairs_by_pipeline, client, weeks, segments=segments)
    rounds = [round_of(client, [alone(call), alone(pairs), *asked.values()]) for _ in range(ROUNDS)]
    peer, piped, recurring, again, first, first_again, *others, longest = map(min, zip(*rounds, strict=True))
    what = f"12 x 12, recurring cohorts, {users:,} users"
    return [
        compared(f"{what}, nothing kept", recurring, PEER, peer, at_most=bound),
        compared("the same", recurring, "BITOP and BITCOUNT of each pair", piped, at_most=OF_PAIRS),
        compared(f"{what}, looked at again", again, PEER, peer, at_most=bound / 2),
        compared(f"12 x 12, first-time cohorts, {users:,} users, nothing kept", first, PEER, peer),
        compared(f"12 x 12, first-time cohorts, {users:,} users, looked at again", first_again, PEER, peer),
        *(
            Figure(f"{what}, {users:,} users", duration(taken))
            for what, taken in zip(list(asked)[4:], others, strict=True)
        ),
        compared(
            f"the longest script of these, {users:,} users",
            longest,
            "the pairs of one segment, pipelined",
            piped / segments,
            at_most=1.0,
        ),
    ]


Timed = Callable[[], float]  # runs something, and returns the seconds that it took


def round_of(client: Redis, asked: Sequence[Timed]) -> list[float]:
    """What each took, and then the longest script among them; seconds.

    Each is asked three times in a row: the first also pays for what the one before threw out of the caches.
    """
    note_slow_commands(client)
    return [*(min(run() for _ in range(3)) for run in asked), longest_script(client)]


def questions(
    client: Redis, site: Site, weeks: Sequence[Period], now: datetime, segments: int
) -> dict[str, Timed]:
    new = question(site, Cohort.FIRST, now)
    begin = count()
    first, recurring = (partial(matrix, site, weeks, cohort, now) for cohort in Cohort)
    return {
        "recurring": after(partial(drop_kept, client, segments), recurring),
        "again": after(partial(visit, site, segments, begin, now), recurring),
        "first": after(partial(drop_kept, client, segments), first),
        "first, again": after(partial(visit, site, segments, begin, now), first),
        f"stickiness over {DAYS} days": alone(partial(distribution, site, now)),
        "lifecycle of a week": after(
            partial(drop_kept, client, segments), partial(lifecycle.lifecycle, site, new, weeks[-1:])
        ),
    }


def alone(run: Callable[[], object]) -> Timed:
    return lambda: seconds(run)


def after(change: Callable[[], object], run: Callable[[], object]) -> Timed:
    """Times what is run after a change, without the change."""

    def timed() -> float:
        change()
        return seconds(run)

    return timed


def drop_kept(client: Redis, segments: int) -> None:
    """Have nothing kept of what was counted, as in a build that keeps nothing."""
    client.unlink(*(keys.segment(segment, EVENT, "windows") for segment in range(segments)))


def visit(site: Site, segments: int, begin: Iterator[int], now: datetime) -> None:
    """Have some users of each segment here now, in every period; one of them is new, if not all."""
    bits = np.arange(SOME) + next(begin) * SOME
    ids = np.concatenate([bits + segment * SEGMENT_BITS for segment in range(segments)])
    ingest.record_ids(site, EVENT, ids.astype(np.uint32), at=now, now=now)


def pairs_by_pipeline(client: Redis, weeks: Sequence[Period], *, segments: int) -> None:
    """The same pairs of bitmaps as one would ask for them, of the segments that there are."""
    with client.pipeline(transaction=False) as pipe:
        for segment in range(segments):
            names = [keys.segment(segment, EVENT, week.name) for week in weeks]
            for first, second in combinations_with_replacement(names, 2):
                pipe.bitop("AND", f"pair-{segment}", first, second)
                pipe.bitcount(f"pair-{segment}")
        pipe.execute()


def peer_on(client: Redis) -> Callable[[], Sequence[Sequence[int]]]:
    from benchmarks import bitmapist_cohorts  # noqa: PLC0415 - the peer is installed for measuring alone

    bitmapist_cohorts.use(client)
    return lambda: bitmapist_cohorts.cohort_call(ROWS, COLUMNS)


def filled(client: Redis, site: Site, users: int, now: datetime) -> list[Period]:
    """The same users in the last twelve weeks of both."""
    from benchmarks.bitmapist_cohorts import fill_week  # noqa: PLC0415 - as above

    random = np.random.default_rng(1)
    weeks = [
        site.calendar.period_at(Granularity.WEEK, now - timedelta(weeks=back)) for back in range(ROWS)[::-1]
    ]
    for back in range(ROWS)[::-1]:
        there = random.random(users) < ACTIVE
        at = now - timedelta(weeks=back)
        ingest.record_ids(site, EVENT, np.flatnonzero(there).astype(np.uint32), at=at, now=now)
        fill_week(client, at, np.packbits(there).tobytes())
    return weeks


def question(site: Site, cohort: Cohort, now: datetime) -> Question:
    return retention.question(site, EVENT, None, cohort, now)


def matrix(site: Site, weeks: Sequence[Period], cohort: Cohort, now: datetime) -> Matrix:
    return retention.matrix(site, question(site, cohort, now), weeks, COLUMNS + 1)  # the cohort's own beside


def distribution(site: Site, now: datetime) -> object:
    asked = question(site, Cohort.RECURRING, now)
    last = site.calendar.period_at(Granularity.DAY, now)
    return stickiness.distribution(site, asked, retention.periods_until(site, asked, last, DAYS))


def require_same(own: Matrix, theirs: Sequence[Sequence[int]]) -> None:
    """Ways that answer differently are not compared."""
    ours = [[row.users, *(count for count in row.counts if count is not None)] for row in own.rows]
    if ours != [list(row) for row in theirs]:
        raise RuntimeError(f"{ours} here, {theirs} by {PEER}")


def longest_script(client: Redis) -> float:
    """Seconds that one of ours held the server up, by its SLOWLOG; what the peer sent is there as well."""
    noted = client.slowlog_get(10_000)
    ours = [int(entry["duration"]) for entry in noted if entry["command"].startswith(b"EVALSHA")]
    return max(ours, default=NOTED_FROM_MICROSECONDS) / 1e6


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
