"""One event over time, against sets of plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import series
from donebit.activity.analytics.series import (
    BLOCK,
    MOST_COLUMNS,
    MOST_ROLLING,
    WIDE,
    WINDOWS_A_SCRIPT,
    Column,
)
from donebit.activity.events import event, ingest
from donebit.activity.periods.calendar import DAY, HOUR, Granularity, bounds
from donebit.activity.sets import algebra
from donebit.activity.transfer import import_
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import real_now, site_on
from tests.append_only import appended_by
from tests.conftest import everything
from tests.key_by_key import drop

USERS = st.sets(
    st.sampled_from([0, 1, 7, 8, 9, SEGMENT_BITS - 1, SEGMENT_BITS, 3 * SEGMENT_BITS]), max_size=5
)
DAYS = st.dictionaries(st.integers(0, 45), USERS.filter(bool), max_size=10)  # how long ago -> who


def arrange(store: Store, seen: dict[int, set[int]], now: datetime, zone: str = "UTC") -> None:
    for ago, users in seen.items():
        ingest.record(site_on(store, zone=zone), "e", sorted(users), at=now - ago * DAY, now=now)


def columns(store: Store, granularity: Granularity = Granularity.DAY, **asked: object) -> list[Column]:
    site, now = site_on(store), real_now()
    return series.columns(site, event.get(site, "e"), granularity, now=now, **asked)  # type: ignore[arg-type]  # as they are asked for


@pytest.mark.usefixtures("real_client")
@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DAYS, st.integers(1, 35), st.integers(1, 30))
def test_each_window_has_the_users_of_its_days(
    real_client: Redis, seen: dict[int, set[int]], rolling: int, long: int
) -> None:
    real_client.flushall()
    store, now = Store.on(real_client), real_now()
    arrange(store, seen, now)
    before = everything(real_client)

    found = columns(store, start=now - (long - 1) * DAY, rolling=rolling)

    all_days_ago = range(long - 1, -1, -1)
    assert [column.period.name for column in found] == [f"{now - ago * DAY:%Y-%m-%d}" for ago in all_days_ago]
    assert [column.count for column in found] == [len(seen.get(ago, set())) for ago in all_days_ago]
    assert [column.rolling for column in found] == [
        len(set().union(*(seen.get(ago + n, set()) for n in range(rolling)))) for ago in all_days_ago
    ]
    assert everything(real_client) == before


def test_windows_are_alike_on_every_kind_of_server(store: Store) -> None:
    now = real_now()
    arrange(store, {ago: {ago, ago + 1, 100, SEGMENT_BITS + ago} for ago in range(0, 60, 2)}, now)

    found = columns(store, start=now - (WINDOWS_A_SCRIPT + 1) * DAY, rolling=40)

    assert [column.rolling for column in found] == [61] * (WINDOWS_A_SCRIPT + 2)


def test_a_series_has_the_last_thirty_columns_by_default(store: Store) -> None:
    arrange(store, {0: {1}, 7: {1, 2}}, real_now())

    weeks = columns(store, Granularity.WEEK, rolling=2)

    assert len(weeks) == 30
    assert [(week.count, week.rolling) for week in weeks[-2:]] == [(2, 2), (1, 2)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_a_column_is_a_day_of_the_site(store: Store, zone: str) -> None:
    site, now = site_on(store, zone=zone), real_now()
    today = site.calendar.period_at(Granularity.DAY, now)
    assert today.start is not None
    for user, at in enumerate([today.start - timedelta(minutes=1), today.start]):
        ingest.record(site, "e", [user], at=at, now=now)

    found = series.columns(site, event.get(site, "e"), Granularity.DAY, now=now)[-2:]

    assert [(column.period.stop, column.count) for column in found] == [(today.start, 1), (today.stop, 1)]


def test_a_window_over_bitmaps_that_are_gone_has_those_that_are_there(
    real_store: Store, real_client: Redis
) -> None:
    now = real_now()
    arrange(real_store, {0: {1}, 1: {2}, 2: {3}}, now)
    yesterday = Bitmap("e", f"{now - DAY:%Y-%m-%d}")
    drop(real_client, yesterday.registry(keys), yesterday.segment(keys, 0))

    assert columns(real_store, start=now, rolling=3)[-1].rolling == 2


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 24), ("Europe/Berlin", 24), ("Asia/Kolkata", 25)])
@pytest.mark.parametrize("more", [0, 6])
def test_a_window_of_hours_has_an_imported_day_that_lies_in_it(
    store: Store, client: Redis, zone: str, hours: int, more: int
) -> None:
    client.hset(keys.event_meta("e"), "keep_hour", 30 * 86_400)
    site, now = site_on(store, zone=zone), real_now()
    periods = [site.calendar.period_at(Granularity.DAY, now - ago * DAY) for ago in range(4, 9)]
    start, stop = next(bounds(one) for one in periods if bounds(one)[1] - bounds(one)[0] == DAY)
    import_.add_users(site, "e", site.calendar.period_at(Granularity.DAY, start), [7, 8], now)
    ingest.record(site, "e", [8, 9], at=start, now=now)

    found = series.columns(
        site,
        event.get(site, "e"),
        Granularity.HOUR,
        start=stop - HOUR,
        stop=stop + 9 * HOUR,
        rolling=hours + more,
        now=now,
    )

    ends = [one.rolling for one in found if one.period.stop and one.period.stop >= stop]
    assert ends[: more + 2] == [*[3] * (more + 1), 0]


def test_a_window_that_begins_before_what_is_kept_is_refused(store: Store) -> None:
    now = real_now()

    assert len(columns(store, start=now - 400 * DAY)) == 401
    assert len(columns(store, start=now - 394 * DAY, rolling=7)) == 395
    with pytest.raises(InvalidInput, match=r"a window of 7 days that ends with .* which is no longer kept"):
        columns(store, start=now - 395 * DAY, rolling=7)
    with pytest.raises(InvalidInput, match=r"the day .* is no longer kept: from must not be further back"):
        columns(store, start=now - 401 * DAY)


def test_too_many_columns_and_none_are_refused(store: Store) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    with pytest.raises(InvalidInput, match=f"more than {MOST_COLUMNS} days apart"):
        columns(store, start=at, stop=at + (MOST_COLUMNS + 1) * DAY)
    with pytest.raises(InvalidInput, match="to is 2026-01-01T00:00:00Z; it must be after from"):
        columns(store, start=at, stop=at)


@pytest.mark.parametrize("rolling", [WIDE - 1, WIDE, WIDE + BLOCK + 1, MOST_ROLLING])
def test_wide_windows_have_the_users_of_their_days(store: Store, client: Redis, rolling: int) -> None:
    now, long = real_now(), 2 * BLOCK + 3
    # Blocks of days with many users, with one of them alone, and without any; in two segments.
    seen = {ago: {ago, ago // 20, SEGMENT_BITS + ago % 3} for ago in range(0, 40, 3)} | {61: {7}}
    seen |= {ago: {5, ago} for ago in range(85, 130, 7)}
    arrange(store, seen, now)
    before = everything(client)
    client.script_flush()

    found = columns(store, start=now - (long - 1) * DAY, rolling=rolling)

    assert [column.rolling for column in found] == [
        len(set().union(*(seen.get(ago + n, set()) for n in range(rolling)))) for ago in reversed(range(long))
    ]
    assert everything(client) == before


def test_an_event_never_seen_has_columns_of_nobody(store: Store) -> None:
    assert [(column.count, column.rolling) for column in columns(store, rolling=7)] == [(0, 0)] * 30


def test_a_shorter_retention_bounds_the_series(store: Store, client: Redis) -> None:
    now = real_now()
    arrange(store, {0: {1}}, now)
    client.hset(keys.event_meta("e"), "keep_day", 10 * 24 * 3600)

    with pytest.raises(InvalidInput, match="must not be further back than 10 days"):
        columns(store, start=now - 12 * DAY)


def test_a_question_writes_nothing_to_the_append_only_file(store: Store, client: Redis) -> None:
    arrange(store, {0: {1, 2}, 1: {2, 3}, 2: {3, 4}}, real_now())
    days = [Bitmap("e", f"{real_now() - ago * DAY:%Y-%m-%d}") for ago in (2, 1, 0)]
    before = everything(client)

    def ask() -> None:
        rolling = series.rolling_counts(store, days, 2)
        users = algebra.count(store, algebra.without(algebra.union(days[:2]), days[2]))
        assert (rolling, users) == ([3, 3], 2)

    assert appended_by(client, ask) == 0
    assert everything(client) == before
