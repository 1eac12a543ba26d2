"""The summary of a dashboard, against visits counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import summary
from donebit.activity.analytics.summary import Summary
from donebit.activity.events import event
from donebit.activity.periods.calendar import Granularity, bounds
from donebit.activity.site import Site
from donebit.activity.transfer import import_
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from tests.activity.analytics.visited import BORDERS, NOW, Visit, berlin, name_at, visit
from tests.activity.arranged import UTC_CALENDAR, site_on
from tests.conftest import everything

DAY = timedelta(days=1)
NOWS = st.sampled_from([NOW, NOW.replace(day=1, hour=0), NOW.replace(day=31, hour=22, minute=59)])
AGO = st.integers(0, 60 * 48) | st.integers(0, 60 * 24 * 45) | st.integers(0, 60 * 24 * 390)
VISITS = st.sets(st.tuples(st.sampled_from(BORDERS), AGO), max_size=30)


def of(site: Site, *, days: int = 3, now: datetime = NOW) -> Summary:
    return summary.summary(site, event.get(site, "seen"), days=days, now=now)


def check(client: Redis, ago: set[tuple[int, int]], now: datetime, days: int) -> None:
    site = berlin(client)
    visits: set[Visit] = {(user, now - timedelta(minutes=minutes)) for user, minutes in ago}
    visit(site, visits, now=now)
    before = everything(client)
    today = name_at("day", now)

    def seen(holds: Callable[[datetime], bool]) -> int:
        return len({user for user, at in visits if holds(at)})

    def back(number: int) -> str:
        """What the day so many days ago is called."""
        return f"{datetime.fromisoformat(today) - number * DAY:%Y-%m-%d}"

    found = of(site, days=days, now=now)

    assert found.hour == seen(lambda at: name_at("hour", at) == name_at("hour", now))
    assert found.today == seen(lambda at: name_at("day", at) == today)
    assert found.yesterday == seen(lambda at: name_at("day", at) == back(1))
    assert found.week == seen(lambda at: name_at("week", at) == name_at("week", now))
    assert found.month == seen(lambda at: name_at("month", at) == name_at("month", now))
    assert found.all == seen(lambda _: True)
    assert found.rolling_7 == seen(lambda at: name_at("day", at) > back(7))
    assert found.rolling_30 == seen(lambda at: name_at("day", at) > back(30))
    assert found.new_today == seen(lambda _: True) - seen(lambda at: name_at("day", at) < today)
    by_day = {name_at("day", at): set[User]() for _, at in visits}
    for user, at in visits:
        by_day[name_at("day", at)].add(user)
    last = [back(number) for number in reversed(range(days))]
    assert [(day.name, count) for day, count in found.days] == [
        (name, len(by_day.get(name, ()))) for name in last
    ]
    assert everything(client) == before


@settings(max_examples=16, deadline=None)
@given(VISITS, NOWS, st.sampled_from([1, 2, 14, 90]))
def test_any_visits_are_summed_up_as_they_would_by_hand_on_fakeredis(
    ago: set[tuple[int, int]], now: datetime, days: int
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, ago, now, days)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ago=VISITS, now=NOWS, days=st.sampled_from([1, 2, 14, 90]))
def test_any_visits_are_summed_up_as_they_would_by_hand_on_a_real_server(
    real_client: Redis, ago: set[tuple[int, int]], now: datetime, days: int
) -> None:
    real_client.flushall()
    check(real_client, ago, now, days)


def test_an_event_never_seen_is_summed_up_as_nobody(store: Store) -> None:
    found = of(site_on(store))

    figures = (found.hour, found.today, found.week, found.month, found.all, found.rolling_30, found.new_today)
    assert set(figures) == {0}
    assert [count for _, count in found.days] == [0, 0, 0]


def test_who_came_years_ago_is_not_new_today(store: Store) -> None:
    site = site_on(store)
    visit(site, {(1, NOW - 1000 * DAY)}, now=NOW - 1000 * DAY)
    visit(site, {(1, NOW), (2, NOW)})

    found = of(site)

    assert (found.new_today, found.all) == (1, 2)
    assert found.known_since < NOW - 1800 * DAY


@pytest.mark.parametrize(
    ("kept", "known", "missing"),
    [
        ({"day": 10}, {"yesterday", "rolling_7"}, {"rolling_30"}),
        ({"day": 0}, {"today", "week"}, {"yesterday", "rolling_7", "rolling_30"}),
    ],
)
def test_what_is_not_kept_is_unknown_and_not_nobody(
    store: Store, client: Redis, kept: dict[str, int], known: set[str], missing: set[str]
) -> None:
    site = site_on(store)
    visit(site, {(1, NOW)})
    client.hset(
        keys.event_meta("seen"), mapping={f"keep_{name}": days * 86_400 for name, days in kept.items()}
    )

    found = of(site, days=14)

    assert {name for name in known | missing if getattr(found, name) is None} == missing
    assert [count is None for _, count in found.days] == [
        bounds(day)[1] + kept["day"] * DAY <= NOW for day, _ in found.days
    ]


@pytest.mark.parametrize(
    ("kept", "ago", "new"),
    [
        ({"keep_day": 8}, 12, 0),  # its day is gone, its week is not
        ({"keep_day": 3, "keep_week": 7, "keep_month": 7}, 3, 0),
        ({"keep_day": 3, "keep_week": 7, "keep_month": 7}, 60, 1),
        ({"keep_day": 3, "keep_week": 3}, 12, 1),  # a hole, behind which months are kept
    ],
)
def test_who_is_new_is_looked_up_in_all_that_is_kept(
    store: Store, client: Redis, kept: dict[str, int], ago: int, new: int
) -> None:
    site = site_on(store)
    visit(site, {(1, NOW - ago * DAY)}, now=NOW - ago * DAY)
    client.hset(keys.event_meta("seen"), mapping={name: days * 86_400 for name, days in kept.items()})
    visit(site, {(1, NOW)})

    found = of(site)

    assert found.new_today == new
    assert (found.known_since <= NOW - ago * DAY) is (new == 0)


def test_who_is_new_is_looked_up_in_the_latest_of_many_periods(store: Store, client: Redis) -> None:
    """Where days are kept for years, and weeks and months are not."""
    site = site_on(store)
    kept = {"keep_day": 1800, "keep_week": 30, "keep_month": 30}
    client.hset(keys.event_meta("seen"), mapping={name: days * 86_400 for name, days in kept.items()})
    visit(site, {(1, NOW - 100 * DAY), (2, NOW - 1000 * DAY), *((user, NOW) for user in (1, 2, 3))})
    weeks = [UTC_CALENDAR.period_at(Granularity.WEEK, NOW - 7 * ago * DAY) for ago in (2, *range(40, 130))]
    client.hset(keys.event_meta("seen"), "keep_week", 1800 * 86_400)
    for week in weeks:
        import_.add_users(site, "seen", week, [4], NOW)
    client.hset(keys.event_meta("seen"), "keep_week", 30 * 86_400)

    found = of(site)

    assert found.today == 3
    assert found.new_today == 2
    assert NOW - 300 * DAY < found.known_since < NOW - 150 * DAY


@pytest.mark.parametrize("days", [0, 91])
def test_a_series_has_1_to_90_days(store: Store, days: int) -> None:
    with pytest.raises(InvalidInput, match=f"days is {days}; it must be 1 to 90"):
        of(site_on(store), days=days)


def test_a_summary_of_one_segment_is_few_round_trips(real_store: Store, real_client: Redis) -> None:
    site = site_on(real_store)
    visit(site, {(1, NOW - day * DAY) for day in range(40)})
    of(site)  # the connection and the scripts are there from here on
    before = int(real_client.info("stats")["total_reads_processed"])

    of(site, days=30)

    made = int(real_client.info("stats")["total_reads_processed"]) - before
    assert made < 12  # 39 figures; what is written at once may be read in parts
