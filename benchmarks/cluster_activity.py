"""Activity on a cluster of three primaries against one server: ingest, retention and thirty days together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks import expressions, ingest, retention
from benchmarks.figures import Figure
from benchmarks.one_and_cluster import Side, Sides, beside, one_and_cluster, shares
from donebit import clock
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events.ingest import record_ids
from donebit.activity.periods.calendar import Calendar, Granularity, Period
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import union
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids
from donebit.store import kept_windows

NEVER = 10**15  # users with whom a count is kept
DENSE_BOUND, SPREAD_BOUND = 1.2, 1.1
RETENTION_BOUNDS = {10**6: 1.2, 10**7: 1.0}
UNION_BOUND = 0.9
UNION_USERS = (10**7, 10**8)


def measure() -> list[Figure]:
    """Medians of rounds that take turns."""
    with one_and_cluster() as sides:
        figures = ingested(sides)
    for users, bound in RETENTION_BOUNDS.items():
        with one_and_cluster() as sides, patch.object(kept_windows, "KEPT_FROM", NEVER):
            what = f"12 x 12 retention, {users:,} users, nothing kept"
            figures.append(beside(what, sides, partial(matrix_of, users), at_most=bound))
    for users in UNION_USERS:
        with one_and_cluster() as sides:
            what = f"{expressions.DAYS}-day OR over {users:,} users, counted"
            figures.append(beside(what, sides, partial(union_of, users), at_most=UNION_BOUND))
    return figures


def ingested(sides: Sides) -> list[Figure]:
    """Of dense ids, which are two segments, no share is promised."""
    numbers = np.random.default_rng(1)
    dense = numbers.permutation(ingest.SIZE).astype(np.uint32)
    spread = numbers.integers(0, 10**8, ingest.SIZE).astype(np.uint32)
    figures = [beside("10^6 dense ids recorded", sides, partial(recorded, dense), at_most=DENSE_BOUND)]
    busiest: list[Figure] = []
    with shares(sides[1], "ids spread over 10^8", busiest):
        what = "10^6 ids spread over 10^8 recorded"
        figures.append(beside(what, sides, partial(recorded, spread), at_most=SPREAD_BOUND))
    return [*figures, *busiest]


def recorded(ids: Ids, side: Side) -> Callable[[], object]:
    return partial(ingest.record, side.store, ids)


def matrix_of(users: int, side: Side) -> Callable[[], object]:
    """The question, after its weeks are laid down."""
    site, now = Site(side.store, Calendar(ZoneInfo("UTC")), 1024), clock.now()
    return partial(retention.matrix, site, weeks_filled(site, users, now), Cohort.RECURRING, now)


def weeks_filled(site: Site, users: int, now: datetime) -> list[Period]:
    numbers = np.random.default_rng(1)
    moments = [now - timedelta(weeks=back) for back in range(retention.ROWS)[::-1]]
    for at in moments:
        there = np.flatnonzero(numbers.random(users) < retention.ACTIVE).astype(np.uint32)
        record_ids(site, retention.EVENT, there, at=at, now=now)
    return [site.calendar.period_at(Granularity.WEEK, at) for at in moments]


def union_of(users: int, side: Side) -> Callable[[], object]:
    """The question, after its days are laid down."""
    numbers = np.random.default_rng(1)
    for node in side.nodes:
        node.config_set("appendonly", "no")  # what is laid down would be written twice
    for bitmap in expressions.DAY:
        packed = np.packbits(numbers.random(users, np.float32) < 0.1).tobytes()
        expressions.lay_segments(side.client, bitmap, packed)
    return partial(algebra.count, side.store, union(expressions.DAY))
