"""One user's timeline and streaks, against visits counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import period_ranges, timeline
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.analytics.timeline import NO_STREAK, Streak, Timeline
from donebit.activity.events import event
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from tests.activity.analytics import visited
from tests.activity.analytics.visited import (
    BORDERS,
    CLOCKS_BACK,
    CLOCKS_FORWARD,
    LEAP_DAY,
    NOW,
    Visit,
    berlin,
    visit,
)
from tests.activity.arranged import site_on
from tests.conftest import everything

DAY = timedelta(days=1)
AGO = st.integers(0, 24 * 60 * 26).map(lambda minutes: NOW - timedelta(minutes=minutes))
SPECIAL_DAYS = st.sampled_from([LEAP_DAY, CLOCKS_FORWARD, CLOCKS_BACK])
AROUND_THEM = st.builds(lambda day, hours: day + timedelta(hours=hours), SPECIAL_DAYS, st.integers(-36, 36))
VISITS = st.sets(st.tuples(st.sampled_from(BORDERS), AGO | AROUND_THEM), max_size=30)
GRANULARITIES = st.sampled_from([Granularity.DAY, Granularity.WEEK, Granularity.MONTH])
STARTS = st.sampled_from([LEAP_DAY - 2 * DAY, CLOCKS_BACK, NOW - 40 * DAY, NOW - 5 * DAY])
STOPS = st.sampled_from([None, NOW, NOW - DAY, NOW - 3 * DAY, NOW + 400 * DAY])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asked(
    site: Site,
    granularity: Granularity = Granularity.DAY,
    *,
    start: datetime | None = None,
    stop: datetime | None = None,
    now: datetime = NOW,
) -> PeriodRange:
    return period_ranges.requested_range(
        site, event.get(site, "seen"), granularity, start=start, stop=stop, now=now
    )


def of(site: Site, user: User, span: PeriodRange) -> Timeline:
    return timeline.user_timeline(site, event.get(site, "seen"), user, span)


def check(
    client: Redis, visits: set[Visit], granularity: Granularity, start: datetime, stop: datetime | None
) -> None:
    site = berlin(client)
    visit(site, visits)
    before = everything(client)
    end = min(stop or NOW, NOW)
    periods = visited.names(granularity, start, end)
    running = visited.name_at(granularity, NOW) == periods[-1]

    span = asked(site, granularity, start=start, stop=stop)
    assert [period.name for period in span.periods] == periods
    assert span.running is running
    for user in BORDERS:
        found, here = of(site, user, span), visited.present(visits, user, granularity, periods)
        assert found.present == tuple(here)
        assert (found.longest.length, found.current.length) == visited.streaks(here, running=running)
        assert sum(streak.length for streak in found.streaks) == len(found.names) == sum(here)
    assert everything(client) == before


@settings(max_examples=16, deadline=None)
@given(VISITS, GRANULARITIES, STARTS, STOPS)
def test_any_visits_make_the_timeline_that_they_would_by_hand_on_fakeredis(
    visits: set[Visit], granularity: Granularity, start: datetime, stop: datetime | None
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, visits, granularity, start, stop)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=VISITS, granularity=GRANULARITIES, start=STARTS, stop=STOPS)
def test_random_visits_give_the_timeline_of_the_plain_model(
    real_client: Redis, visits: set[Visit], granularity: Granularity, start: datetime, stop: datetime | None
) -> None:
    real_client.flushall()
    check(real_client, visits, granularity, start, stop)


def on_days(store: Store, *days: str, user: User = 7) -> Site:
    """A site whose only visits are those of one user, at noon of these days."""
    site = site_on(store)
    visit(site, {(user, at(f"{day}T12:00")) for day in days}, now=at("2099-01-10T12:00"))
    return site


def test_a_streak_that_has_not_come_to_today_counts_up_to_yesterday(store: Store) -> None:
    site = on_days(store, "2099-01-07", "2099-01-08", "2099-01-09")

    found = of(site, 7, asked(site, now=at("2099-01-10T12:00")))

    assert found.current == Streak(3, at("2099-01-07"), at("2099-01-10"))
    assert found.counted_to == at("2099-01-10")


def test_a_streak_that_has_come_to_today_counts_it(store: Store) -> None:
    site = on_days(store, "2099-01-09", "2099-01-10")

    found = of(site, 7, asked(site, now=at("2099-01-10T23:00")))

    assert found.current == Streak(2, at("2099-01-09"), at("2099-01-11"))
    assert found.counted_to == at("2099-01-11")


def test_a_day_that_has_ended_without_a_visit_ends_the_streak(store: Store) -> None:
    site = on_days(store, "2099-01-07", "2099-01-08")

    found = of(site, 7, asked(site, now=at("2099-01-10T00:00")))

    assert (found.current, found.longest.length) == (NO_STREAK, 2)


def test_a_span_of_the_past_waits_for_no_visit(store: Store) -> None:
    site = on_days(store, "2099-01-06", "2099-01-07")

    found = of(site, 7, asked(site, stop=at("2099-01-09"), now=at("2099-01-10T12:00")))

    assert found.current == NO_STREAK


def test_of_streaks_of_one_length_the_latest_is_the_longest(store: Store) -> None:
    site = on_days(store, "2099-01-02", "2099-01-03", "2099-01-06", "2099-01-07", "2099-01-09")

    found = of(site, 7, asked(site, now=at("2099-01-10T12:00")))

    assert found.longest == Streak(2, at("2099-01-06"), at("2099-01-08"))


def test_a_streak_that_begins_with_the_span_may_have_begun_before(store: Store) -> None:
    site = on_days(store, "2099-01-05", "2099-01-06", "2099-01-08")

    found = of(site, 7, asked(site, start=at("2099-01-06"), now=at("2099-01-10T12:00")))

    assert [streak.at_least for streak in found.streaks] == [True, False]


@pytest.mark.parametrize("user", ["ada", "a/b", "7", "ä" * 200])
def test_texts_have_timelines_too(store: Store, user: str) -> None:
    site = on_days(store, "2099-01-08", user=user)
    span = asked(site, now=at("2099-01-10T12:00"))

    assert of(site, user, span).names == ["2099-01-08"]
    assert of(site, "nobody", span).names == []


def test_nobody_was_ever_at_an_event_never_seen(store: Store) -> None:
    site = site_on(store)

    found = of(site, 7, asked(site))

    assert (found.names, found.longest, found.current) == ([], NO_STREAK, NO_STREAK)


@pytest.mark.parametrize(("held", "user"), [(7, "7"), ("ada", 7)])
def test_a_user_of_the_other_kind_is_refused(store: Store, held: User, user: User) -> None:
    site = on_days(store, "2099-01-08", user=held)

    with pytest.raises(InvalidInput, match=r"event seen holds (integers|texts)"):
        of(site, user, asked(site))


def test_a_span_is_as_far_back_as_is_kept_when_no_start_is_given(store: Store) -> None:
    site = site_on(store)

    days, months = asked(site), asked(site, Granularity.MONTH)

    assert len(days.periods) == 401  # 400 that have ended, and today
    assert days.stop == NOW.replace(hour=0, minute=0) + DAY
    assert len(months.periods) == 62  # kept 1860 days


def test_a_span_of_years_ago_is_as_long_as_one_of_now(client: Redis) -> None:
    site, years_ago = berlin(client), NOW - 2000 * DAY
    client.hset(keys.event_meta("seen"), "keep_day", 4000 * 86_400)
    visit(site, {(7, years_ago - DAY), (7, years_ago - 1000 * DAY)})

    made = timeline.user_timeline(site, event.get(site, "seen"), 7, asked(site, stop=years_ago))

    assert (len(made.present), sum(made.present)) == (period_ranges.MOST_PERIODS, 2)


def test_a_span_is_at_most_1100_periods(store: Store, client: Redis) -> None:
    site = on_days(store, "2099-01-08")
    client.hset("donebit:event:{seen}:meta", "keep_day", str(10_000 * 86_400))

    assert len(asked(site).periods) == 1100
    assert len(asked(site, start=NOW - 1099 * DAY).periods) == 1100
    with pytest.raises(InvalidInput, match="are more than 1100 days; choose fewer"):
        asked(site, start=NOW - 1100 * DAY)


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [
        (NOW - DAY, NOW - DAY, "from is .*; it must be before"),
        (NOW + DAY, None, "from is .*; it must be before .* the end of the running day"),
        (NOW - 402 * DAY, None, r"the day .* is no longer kept: from must not be .* 400 days before"),
        (None, NOW - 402 * DAY, "to is .*, and no day before it is kept any longer"),
    ],
)
def test_a_span_that_cannot_be_is_refused(
    store: Store, start: datetime | None, stop: datetime | None, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        asked(site_on(store), start=start, stop=stop)
