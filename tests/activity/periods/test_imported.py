"""Bitmaps imported at a single granularity are in every span, window and history that they lie in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from fakeredis import FakeRedis
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import counts, funnel, lifecycle, retention, series, stickiness, summary
from donebit.activity.analytics.retention import Cohort
from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.events.deletion import forget
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import DAY, HOUR, Calendar, Granularity, Period, bounds
from donebit.activity.periods.expiry import DEFAULT
from donebit.activity.periods.history import RetainedPeriods
from donebit.activity.site import Site
from donebit.activity.transfer import import_
from donebit.store import Store, keys
from donebit.store.bitmaps import BitmapStore
from tests.activity.analytics.cohort_model import ALL_KEPT, keep
from tests.activity.analytics.visited import LEAP_YEAR, NOW
from tests.activity.arranged import UTC_CALENDAR, real_now, site_on

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata"]
ENDING = [one for one in Granularity if one is not Granularity.ALL]
AGO = st.integers(3 * 24, 110 * 24)  # hours
IMPORTS = st.lists(st.tuples(st.sampled_from(ENDING), AGO, st.integers(0, 9)), max_size=5)
VISITS = st.lists(st.tuples(AGO, st.integers(0, 9)), max_size=5)

Imports = list[tuple[Granularity, int, int]]  # hours before NOW, and the user
Visits = list[tuple[int, int]]


class Fact(NamedTuple):
    """A user was here at some moment from `start` until `stop`; nothing closer is known."""

    user: int
    start: datetime
    stop: datetime


def arrange(client: Redis, zone: str, imports: Imports, visits: Visits) -> tuple[Site, set[Fact]]:
    keep(client, "e", ALL_KEPT)
    site, facts = site_on(Store.on(client), zone=zone), set[Fact]()
    for granularity, hours, user in imports:
        period = site.calendar.period_at(granularity, NOW - hours * HOUR)
        import_.add_users(site, "e", period, [user], NOW)
        facts.add(Fact(user, *bounds(period)))
    for hours, user in visits:
        at = NOW - hours * HOUR
        ingest.record(site, "e", [user], at=at, now=NOW)
        facts.add(Fact(user, at, at + timedelta(microseconds=1)))
    return site, facts


def within(facts: set[Fact], start: datetime, stop: datetime) -> set[int]:
    return {fact.user for fact in facts if start <= fact.start and fact.stop <= stop}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), IMPORTS, VISITS, st.integers(4, 120), st.integers(1, 100))
def test_a_span_has_everybody_known_to_have_been_in_it(
    zone: str,
    imports: Imports,
    visits: Visits,
    ago: int,
    days: int,
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        site, facts = arrange(client, zone, imports, visits)
        event = events.get(site, "e")
        first = site.calendar.day_of(NOW) - ago * DAY
        hour = (NOW - ago * DAY).replace(minute=0)
        for start, stop in [
            (site.calendar.midnight(first), site.calendar.midnight(first + min(days, ago - 1) * DAY)),
            (hour, hour + min(days, 60) * HOUR),
        ]:
            span = spans.between(site.calendar, event.expiry, start, stop, now=NOW, imported=event.imported)
            assert counts.count_in(site, "e", span.periods) == len(within(facts, start, stop))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), IMPORTS, VISITS)
def test_a_period_has_everybody_known_to_have_been_in_it(zone: str, imports: Imports, visits: Visits) -> None:
    with FakeRedis(version=(7, 0)) as client:
        site, facts = arrange(client, zone, imports, visits)
        for fact in facts:
            for granularity in ENDING:
                period = site.calendar.period_at(granularity, fact.start)
                assert counts.count(site, "e", period) == len(within(facts, *bounds(period)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), IMPORTS, VISITS, st.sampled_from(ENDING[1:]))
@example("UTC", [(Granularity.HOUR, 72, 0), (Granularity.MONTH, 466, 0)], [], Granularity.WEEK)
def test_nobody_is_new_after_an_import(
    zone: str,
    imports: Imports,
    visits: Visits,
    granularity: Granularity,
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        site, facts = arrange(client, zone, imports, visits)
        asked = retention.question(site, "e", None, Cohort.FIRST, NOW)
        running = site.calendar.period_at(granularity, NOW - DAY)
        periods = retention.periods_until(site, asked, running, 18)
        rows = retention.matrix(site, asked, periods, 1).rows
        stages = lifecycle.lifecycle(site, asked, periods[1:]).stages
        for row, period in zip(rows, periods, strict=True):
            start, stop = bounds(period)
            earlier = within(facts, datetime(1990, 1, 1, tzinfo=UTC), start)
            assert row.users == len(within(facts, start, stop) - earlier)
        for (last, period), stage in zip(pairwise(periods), stages, strict=True):
            earlier = within(facts, datetime(1990, 1, 1, tzinfo=UTC), bounds(period)[0])
            assert stage.new == len(within(facts, *bounds(period)) - earlier - within(facts, *bounds(last)))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ZONES), IMPORTS, VISITS, st.integers(2, 40))
def test_a_window_of_days_has_the_imported_weeks_in_it(
    zone: str,
    imports: Imports,
    visits: Visits,
    width: int,
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        site, facts = arrange(client, zone, imports, visits)
        event, today = events.get(site, "e"), site.calendar.day_of(NOW)
        start = site.calendar.midnight(today - 60 * DAY)
        columns = series.columns(site, event, Granularity.DAY, start=start, rolling=width, now=NOW)
        for column in columns[:-1]:
            begin, stop = window(site, column.period, width)
            assert column.rolling == len(within(facts, begin, stop))

        asked = retention.question(site, "e", None, Cohort.RECURRING, NOW)
        for one in stickiness.active_users(site, asked, [column.period for column in columns[:-1]]):
            assert one.weekly == len(within(facts, *window(site, one.day, 7)))
            assert one.monthly == len(within(facts, *window(site, one.day, 30)))

        step = funnel.in_days(site, "e", start=start, stop=None, now=NOW)
        both = funnel.reached(site, [step, step])
        made = summary.summary(site, event, days=1, now=NOW)
        far = NOW + 100 * DAY  # nobody can have been there later
        assert both[0].count == len(within(facts, start, far))
        assert made.rolling_30 == len(within(facts, site.calendar.midnight(today - 29 * DAY), far))


def window(site: Site, last: Period, width: int) -> tuple[datetime, datetime]:
    first = site.calendar.day_of(bounds(last)[0]) - (width - 1) * DAY
    return site.calendar.midnight(first), bounds(last)[1]


def test_a_window_of_days_has_an_imported_week_that_its_month_has(store: Store, client: Redis) -> None:
    keep(client, "e", replace(DEFAULT, week=timedelta(days=60)))
    site, at = site_on(store), datetime(LEAP_YEAR, 11, 8, tzinfo=UTC)
    import_.add_users(site, "e", UTC_CALENDAR.period_at(Granularity.WEEK, at), [7], at)
    event, (start, stop) = events.get(site, "e"), bounds(UTC_CALENDAR.period_at(Granularity.MONTH, at))

    (last,) = series.columns(
        site, event, Granularity.DAY, start=stop - DAY, stop=stop, rolling=(stop - start) // DAY, now=NOW
    )
    question = retention.question(site, "e", None, Cohort.RECURRING, NOW)

    assert last.rolling == 1
    assert stickiness.active_users(site, question, [last.period])[0].monthly == 1


def test_the_sixth_week_of_a_year_is_in_six_weeks_around_it(store: Store) -> None:
    site, now = site_on(store), NOW
    week = UTC_CALENDAR.named(f"{LEAP_YEAR}-W06", "at")
    import_.add_users(site, "e", week, [7], now)
    event = events.get(site, "e")
    start, stop = (UTC_CALENDAR.midnight(date.fromisocalendar(LEAP_YEAR, number, 1)) for number in (4, 10))

    span = spans.between(UTC_CALENDAR, event.expiry, start, stop, now=now, imported=event.imported)
    ingest.record(site, "e", [7], at=now, now=now)
    asked = retention.question(site, "e", None, Cohort.FIRST, now)
    today = UTC_CALENDAR.period_at(Granularity.DAY, now)
    made = summary.summary(site, event, days=1, now=now)

    assert counts.count_in(site, "e", [week]) == counts.count_in(site, "e", span.periods) == 1
    assert [row.users for row in retention.matrix(site, asked, [today], 1).rows] == [0]
    assert (made.today, made.new_today) == (1, 0)


def test_a_week_of_two_months_is_known_in_the_rows_after_it(store: Store) -> None:
    site = site_on(store)
    weeks = [UTC_CALENDAR.period_at(Granularity.WEEK, NOW - 7 * n * DAY) for n in range(4, 12)]
    week = next(one for one in weeks if bounds(one)[0].month != bounds(one)[1].month)
    import_.add_users(site, "e", week, [7], NOW)
    ingest.record(site, "e", [7, 8], at=NOW, now=NOW)
    asked = retention.question(site, "e", None, Cohort.FIRST, NOW)
    months = retention.periods_until(site, asked, UTC_CALENDAR.period_at(Granularity.MONTH, NOW), 6)

    rows = retention.matrix(site, asked, months, 1).rows  # all of them counted by one script, but for this

    assert [row.users for row in rows] == [0, 0, 0, 0, 0, 1]


def test_a_forgotten_event_has_no_imports_either(store: Store, client: Redis) -> None:
    site, now = site_on(store), real_now()
    import_.add_users(site, "e", UTC_CALENDAR.period_at(Granularity.MONTH, now), [7], now)

    forget(site, "e")

    assert events.get(site, "e").imported == frozenset()
    assert client.exists(keys.event_meta("e")) == 0


@pytest.mark.parametrize(
    ("zone", "granularity", "stays"),
    [
        ("UTC", Granularity.WEEK, True),
        ("UTC", Granularity.MONTH, True),
        ("Asia/Kolkata", Granularity.DAY, False),
    ],
)
def test_of_imports_that_expired_weeks_and_months_stay_listed(
    store: Store, client: Redis, zone: str, granularity: Granularity, stays: bool
) -> None:
    """Users of all time may have been there who are in no day: days that are taken back ask."""
    site, now = site_on(store, zone=zone), real_now()
    last, this = (site.calendar.period_at(granularity, now - days * DAY) for days in (60, 0))
    import_.add_users(site, "e", last, [7], now)
    client.zrem(keys.periods("e"), last.name)  # as happens when a period begins after its expiry

    import_.add_users(site, "e", this, [7], now)

    assert events.get(site, "e").imported == {this.name, *([last.name] if stays else [])}


@pytest.mark.parametrize("granularity", ENDING)
def test_visits_are_not_listed_as_imports(store: Store, granularity: Granularity) -> None:
    site, now = site_on(store), real_now()
    ingest.record(site, "e", [7], at=now, now=now)
    listed_before = events.get(site, "e").imported

    import_.add_users(site, "e", UTC_CALENDAR.period_at(granularity, now), [7], now)

    listed = bool(events.get(site, "e").imported)
    assert (listed_before, listed) == (frozenset(), granularity in (Granularity.WEEK, Granularity.MONTH))


def test_imports_are_read_once_for_all_rows_and_windows(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, asked = site_on(real_store), Counter[str]()
    weeks = [UTC_CALENDAR.period_at(Granularity.WEEK, NOW - number * 7 * DAY) for number in range(2, 40)]
    for week in weeks:
        import_.add_users(site, "e", week, [7], NOW)
    event = events.get(site, "e")
    for owner, name in ((Calendar, "named"), (RetainedPeriods, "covering"), (BitmapStore, "counts")):
        monkeypatch.setattr(owner, name, counted(asked, owner, name))

    question = retention.question(site, "e", None, Cohort.FIRST, NOW)
    last = UTC_CALENDAR.period_at(Granularity.WEEK, NOW)
    retention.matrix(site, question, retention.periods_until(site, question, last, 12), 3)
    series.columns(site, event, Granularity.DAY, rolling=7, now=NOW)

    assert asked["named"] <= len(weeks)
    assert asked["covering"] == 12
    assert asked["counts"] == 2  # of the columns, and of all windows with imports


def counted(asked: Counter[str], owner: type, name: str) -> Callable[..., object]:
    real = getattr(owner, name)

    def count_call(*arguments: object, **named: object) -> object:
        asked[name] += 1
        return real(*arguments, **named)

    return count_call
