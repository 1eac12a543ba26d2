"""Who is new in a row does not depend on how many rows are above it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from donebit.activity.analytics import lifecycle, retention
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import DAY, Granularity
from donebit.activity.periods.expiry import DEFAULT, ExpiryPolicy
from donebit.activity.transfer import import_
from donebit.store import Store
from tests.activity.analytics.cohort_model import keep
from tests.activity.analytics.visited import NOW
from tests.activity.arranged import UTC_CALENDAR, site_on

SHORT = replace(DEFAULT, day=timedelta(days=30), week=timedelta(days=60))


def sizes(store: Store, granularity: Granularity, rows: int) -> list[tuple[int, int]]:
    """How many users are new in each row of a matrix, and of a lifecycle, that end now."""
    site = site_on(store)
    asked = retention.question(site, "e", None, Cohort.FIRST, NOW)
    last = UTC_CALENDAR.period_at(granularity, NOW)
    periods = retention.periods_until(site, asked, last, rows)
    made = retention.matrix(site, asked, periods, 1).rows
    stages = lifecycle.lifecycle(site, asked, periods[1:]).stages
    return [(row.users, stage.new) for row, stage in zip(made[1:], stages, strict=True)]


@pytest.mark.parametrize(
    ("kept", "granularity", "ago", "again", "rows"),
    [
        (SHORT, Granularity.WEEK, 75, 20, 9),  # first in the month in which the rows begin, and before them
        (SHORT, Granularity.DAY, 33, 24, 31),  # in the week in which they begin
        (DEFAULT, Granularity.WEEK, 848, 828, 121),
        (DEFAULT, Granularity.DAY, 404, 395, 401),
    ],
)
def test_a_user_whom_a_longer_period_has_is_new_in_no_later_row(
    store: Store, client: Redis, kept: ExpiryPolicy, granularity: Granularity, ago: int, again: int, rows: int
) -> None:
    keep(client, "e", kept)
    for days in (ago, again):
        at = NOW - days * DAY
        ingest.record(site_on(store), "e", [7], at=at, now=at)

    assert set(sizes(store, granularity, rows)) == {(0, 0)}


def test_a_user_of_an_imported_week_that_is_gone_is_in_its_month(store: Store, client: Redis) -> None:
    keep(client, "e", replace(DEFAULT, week=timedelta(days=60)))
    site, at = site_on(store), NOW - 70 * DAY
    import_.add_users(site, "e", UTC_CALENDAR.period_at(Granularity.WEEK, at), [7], at)
    ingest.record(site, "e", [7], at=NOW, now=NOW)

    assert set(sizes(store, Granularity.WEEK, 9)) == {(0, 0)}
