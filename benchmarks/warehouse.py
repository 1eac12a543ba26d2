"""4 M visits of 10^6 users in twelve weeks, and the same in DuckDB: retention, distinct users, bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks.directory import used
from benchmarks.figures import Figure, compared
from benchmarks.ingest import megabytes
from benchmarks.own_server import own_server
from benchmarks.retention import EVENT, ROWS, after, drop_kept, matrix, seconds
from donebit import clock
from donebit.activity.analytics import counts
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Calendar, Granularity, Period
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids
from donebit.store import Store

if TYPE_CHECKING:  # the peer is installed for measuring alone
    from benchmarks.duckdb_visits import Visits

USERS, SHARE = 1_000_000, 1 / 3  # of the users are there in each week: 4 M visits
PEER_ROUNDS, OWN_RUNS = 5, 20
PEER = "DuckDB"
BOUNDS = {"a self-join": 1 / 200, "a mask a user": 1 / 200}  # of what holds for any ids


def measure() -> list[Figure]:
    """The quickest of rounds in turns, of answers that are the same.

    Before a look either all that Donebit keeps of a matrix is dropped, or one user more comes this week.
    """
    from benchmarks.duckdb_visits import Visits  # noqa: PLC0415 - as above

    random = np.random.default_rng(1)
    weeks = [np.flatnonzero(random.random(USERS) < SHARE).astype(np.uint32) for _ in range(ROWS)]
    with own_server() as client, tempfile.TemporaryDirectory() as folder:
        peer = Visits(Path(folder) / "visits.duckdb", [random.permutation(week) for week in weeks])
        site, now = Site(Store.on(client), Calendar(ZoneInfo("UTC")), 64), clock.now()
        periods = recorded(site, weeks, now)
        return [
            size(client, peer),
            *retention_figures(client, site, periods, now, peer, newcomers(weeks[-1])),
            *distinct_figures(site, periods, peer),
        ]


def recorded(site: Site, weeks: list[Ids], now: datetime) -> list[Period]:
    moments = [now - timedelta(weeks=back) for back in range(ROWS)[::-1]]
    for users, at in zip(weeks, moments, strict=True):
        ingest.record_ids(site, EVENT, users, at=at, now=now)
    return [site.calendar.period_at(Granularity.WEEK, at) for at in moments]


def newcomers(week: Ids) -> Iterator[int]:
    """Users who are not there in a week."""
    return iter(np.setdiff1d(np.arange(USERS, dtype=np.uint32), week).tolist())


def retention_figures(
    client: Redis, site: Site, periods: list[Period], now: datetime, peer: Visits, users: Iterator[int]
) -> list[Figure]:
    from benchmarks import duckdb_visits as questions  # noqa: PLC0415 - as above

    def own() -> dict[tuple[int, int], int]:
        rows = matrix(site, periods, Cohort.RECURRING, now).rows
        return {
            (week, week + column): count
            for week, row in enumerate(rows)
            for column, count in enumerate(row.counts)
            if count is not None
        }

    def visit() -> None:
        user = next(users)
        ingest.record(site, EVENT, [user], at=now, now=now)
        peer.add(user, ROWS - 1)

    ways = {
        "a self-join": questions.BY_JOIN,
        "a mask a user": questions.BY_MASK,
        "a bitmap a week": questions.BY_BITMAP,
    }
    kinds: list[tuple[str, Callable[[], None], dict[str, float]]] = [
        ("nothing kept", partial(drop_kept, client, 1), {}),
        ("looked at again", visit, BOUNDS),
    ]
    return [
        turns(f"12 x 12 retention, {kind}", own, way, partial(peer.pairs, asked), before, bounds.get(way))
        for kind, before, bounds in kinds
        for way, asked in ways.items()
    ]


def distinct_figures(site: Site, periods: list[Period], peer: Visits) -> list[Figure]:
    from benchmarks import duckdb_visits as questions  # noqa: PLC0415 - as above

    own = partial(counts.count_in, site, EVENT, periods)
    ways = [
        ("distinct users of 12 weeks", "count distinct", questions.DISTINCT, 1 / 100),
        ("the same", "a bitmap", questions.DISTINCT_BY_BITMAP, None),
    ]
    return [
        turns(what, own, way, partial(peer.count, asked), lambda: None, bound)
        for what, way, asked, bound in ways
    ]


def turns(
    what: str,
    own: Callable[[], object],
    way: str,
    theirs: Callable[[], object],
    before: Callable[[], None],
    bound: float | None = None,
) -> Figure:
    """The quickest of both.

    Args:
        before: is done before each run of `own`
    """
    before()
    if own() != theirs():
        raise RuntimeError(f"{what}: {own()} here, {theirs()} by {PEER}, {way}")
    rounds = [
        (min(after(before, own)() for _ in range(OWN_RUNS)), seconds(theirs)) for _ in range(PEER_ROUNDS)
    ]
    mine, others = map(min, zip(*rounds, strict=True))
    return compared(what, mine, f"{PEER}, {way}", others, at_most=bound)


def size(client: Redis, peer: Visits) -> Figure:
    """Every key that the visits made, in hours, days, weeks, months and all time, beside the file."""
    return compared("bytes kept", used(client), f"{PEER}, its file", peer.size(), write=megabytes)
