"""4 M visits of 10^6 users in twelve weeks, and the same in DuckDB: retention, distinct users, bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from redis import Redis

from benchmarks.directory import used
from benchmarks.figures import Figure, compared
from benchmarks.ingest import megabytes
from benchmarks.own_server import own_server
from benchmarks.retention import EVENT, ROWS, matrix, seconds
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


def measure() -> list[Figure]:
    """The quickest of rounds in turns, of answers that are the same; nothing is kept of any."""
    from benchmarks.duckdb_visits import Visits  # noqa: PLC0415 - as above

    random = np.random.default_rng(1)
    weeks = [np.flatnonzero(random.random(USERS) < SHARE).astype(np.uint32) for _ in range(ROWS)]
    with own_server() as client, tempfile.TemporaryDirectory() as folder:
        peer = Visits(Path(folder) / "visits.duckdb", [random.permutation(week) for week in weeks])
        site, now = Site(Store.on(client), Calendar(ZoneInfo("UTC")), 64), clock.now()
        periods = recorded(site, weeks, now)
        return [
            *retention_figures(site, periods, now, peer),
            *distinct_figures(site, periods, peer),
            size(client, peer),
        ]


def recorded(site: Site, weeks: list[Ids], now: datetime) -> list[Period]:
    moments = [now - timedelta(weeks=back) for back in range(ROWS)[::-1]]
    for users, at in zip(weeks, moments, strict=True):
        ingest.record_ids(site, EVENT, users, at=at, now=now)
    return [site.calendar.period_at(Granularity.WEEK, at) for at in moments]


def retention_figures(site: Site, periods: list[Period], now: datetime, peer: Visits) -> list[Figure]:
    from benchmarks import duckdb_visits as questions  # noqa: PLC0415 - as above

    def own() -> dict[tuple[int, int], int]:
        rows = matrix(site, periods, Cohort.RECURRING, now).rows
        return {
            (week, week + column): count
            for week, row in enumerate(rows)
            for column, count in enumerate(row.counts)
            if count is not None
        }

    return [
        turns("12 x 12 retention", own, "a self-join", lambda: peer.pairs(questions.BY_JOIN), 1 / 200),
        turns("the same", own, "a mask a user", lambda: peer.pairs(questions.BY_MASK), 1 / 200),
        turns("the same", own, "a bitmap a week", lambda: peer.pairs(questions.BY_BITMAP)),
    ]


def distinct_figures(site: Site, periods: list[Period], peer: Visits) -> list[Figure]:
    from benchmarks import duckdb_visits as questions  # noqa: PLC0415 - as above

    def own() -> int:
        return counts.count_in(site, EVENT, periods)

    return [
        turns(
            "distinct users of 12 weeks",
            own,
            "count distinct",
            lambda: peer.count(questions.DISTINCT),
            1 / 100,
        ),
        turns("the same", own, "a bitmap", lambda: peer.count(questions.DISTINCT_BY_BITMAP)),
    ]


def turns(
    what: str, own: Callable[[], object], way: str, theirs: Callable[[], object], bound: float | None = None
) -> Figure:
    if own() != theirs():
        raise RuntimeError(f"{what}: {own()} here, {theirs()} by {PEER}, {way}")
    rounds = [(min(seconds(own) for _ in range(OWN_RUNS)), seconds(theirs)) for _ in range(PEER_ROUNDS)]
    mine, others = map(min, zip(*rounds, strict=True))
    return compared(what, mine, f"{PEER}, {way}", others, at_most=bound)


def size(client: Redis, peer: Visits) -> Figure:
    """Every key that the visits made, in hours, days, weeks, months and all time, beside the file."""
    return compared("bytes kept", used(client), f"{PEER}, its file", peer.size(), write=megabytes)
