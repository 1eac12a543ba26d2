"""Who was imported for a week or month is in longer spans still when the week or month itself has expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis

from donebit.activity.analytics import counts, retention
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import event as events
from donebit.activity.events import ingest, set_expiry
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import DAY, HOUR, Granularity, bounds
from donebit.activity.periods.expiry import DEFAULT, ExpiryPolicy
from donebit.activity.transfer import import_
from donebit.store import Store
from tests.activity.analytics.visited import FIRST_IN_MID_WEEK
from tests.activity.arranged import UTC_CALENDAR, site_on
from tests.key_by_key import drop

WEEKS_SHORT = replace(DEFAULT, week=timedelta(days=60))
WEEKS_LONG = replace(DEFAULT, week=timedelta(days=900), month=timedelta(days=60))


def expire(client: Redis, now: datetime) -> None:
    """Drop what the server would have dropped by then."""
    gone = [name for name in client.scan_iter() if 0 < client.expiretime(name) <= now.timestamp()]
    drop(client, *gone)


@pytest.mark.parametrize(
    ("kept", "granularity"),
    [(DEFAULT, Granularity.WEEK), (WEEKS_SHORT, Granularity.WEEK), (WEEKS_LONG, Granularity.MONTH)],
)
@pytest.mark.parametrize("first", [DEFAULT, WEEKS_SHORT, WEEKS_LONG])
def test_an_import_that_has_expired_is_in_spans_and_histories(
    store: Store, client: Redis, kept: ExpiryPolicy, granularity: Granularity, first: ExpiryPolicy
) -> None:
    site = site_on(store)
    # A week of two months is in neither of them, and a month in no week.
    period = UTC_CALENDAR.period_at(granularity, FIRST_IN_MID_WEEK)
    months = [UTC_CALENDAR.period_at(Granularity.MONTH, edge) for edge in bounds(period)]
    start, stop = bounds(months[0])[0], bounds(months[1])[1]
    set_expiry.apply(site, "e", first)
    import_.add_users(site, "e", period, [7], bounds(period)[1])
    set_expiry.apply(site, "e", kept)
    later = bounds(period)[1] + (kept.duration(granularity) or DAY) + HOUR
    expire(client, later)
    ingest.record(site, "e", [7], at=later, now=later)
    event = events.get(site, "e")

    span = spans.between(UTC_CALENDAR, kept, start, stop, now=later, imported=event.imported)
    asked = retention.question(site, "e", None, Cohort.FIRST, later)
    rows = retention.matrix(site, asked, [UTC_CALENDAR.period_at(Granularity.DAY, later)], 1).rows

    assert not kept.keeps(period, later)
    assert counts.count_in(site, "e", span.periods) == 1
    assert [row.users for row in rows] == [0]


def test_who_is_kept_apart_goes_with_the_last_that_a_span_can_have(store: Store, client: Redis) -> None:
    site = site_on(store)
    week = UTC_CALENDAR.period_at(Granularity.WEEK, FIRST_IN_MID_WEEK)
    import_.add_users(site, "e", week, [7], bounds(week)[1])

    expire(client, bounds(week)[1] + DEFAULT.month - HOUR)
    before = list(client.scan_iter("*:e:*:imported"))
    expire(client, bounds(week)[1] + DEFAULT.month + HOUR)

    assert (len(before), list(client.scan_iter("*:e:*:imported"))) == (1, [])
