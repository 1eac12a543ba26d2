"""One visit in one round trip: the same as a batch of one, and its count is that of the bits."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError

from donebit.activity.analytics import counts
from donebit.activity.events.deletion import forget
from donebit.activity.events.ingest import MOST_SINGLE_BITS
from donebit.activity.events.single_visit import names_of_periods, visit, visit_each
from donebit.activity.periods.calendar import ALL_TIME, Granularity
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import NOW, UTC_CALENDAR, count, real_now, record, record_packed, site_on

BORDERS = [0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, 2 * SEGMENT_BITS + 1, 2**32 - 1]
VISIT = st.tuples(st.just("visit"), st.sampled_from(BORDERS))
BATCH = st.tuples(st.just("batch"), st.lists(st.sampled_from(BORDERS), min_size=1, max_size=5))
MANY = st.tuples(st.just("many"), st.just(0))
FORGET = st.tuples(st.just("forget"), st.just(0))
ACTS = st.lists(st.one_of(VISIT, VISIT, VISIT, BATCH, MANY, FORGET), max_size=15)


def check(client: Redis, acts: list[tuple[str, object]]) -> None:
    store, seen = Store.on(client), set[int]()
    for act, what in acts:
        match act, what:
            case "visit", int(user):
                made = visit(site_on(store), "seen", user, real_now())
                assert made.fresh == (user not in seen)
                seen.add(user)
                assert made.users == len(seen)
            case "batch", list(users):
                record(store, users)
                seen |= set(users)
            case "many", _:
                record_packed(store, range(MOST_SINGLE_BITS + 1))
                seen |= set(range(MOST_SINGLE_BITS + 1))
            case _:
                forget(site_on(store), "seen")
                seen.clear()
    for granularity in Granularity:
        assert count(store, granularity=granularity) == len(seen)
    counters = [int(client.get(key)) for key in client.scan_iter("donebit:seen:{*}:seen:integers")]  # type: ignore[arg-type]  # they exist
    assert sum(counters) == len(seen)


@settings(max_examples=40, deadline=None)
@given(ACTS)
def test_visits_one_by_one_count_as_a_set_would_on_fakeredis(acts: list[tuple[str, object]]) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, acts)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_visits_one_by_one_count_as_a_set_would_on_a_real_server(
    real_client: Redis, acts: list[tuple[str, object]]
) -> None:
    real_client.flushall()
    check(real_client, acts)


def test_a_second_visit_in_the_same_hour_is_one_round_trip(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, now = site_on(real_store), real_now()
    visit(site, "seen", 1, now)
    visit(site, "seen", 2, now)
    monkeypatch.setattr(
        "donebit.activity.events.single_visit.first_visit", None
    )  # it would be called in vain

    assert visit(site, "seen", 3, now) == (True, 3)
    assert visit(site, "seen", 3, now) == (False, 3)


@pytest.mark.parametrize("period", [*Granularity, "integers"])
def test_where_a_bitmap_or_the_count_is_gone_the_visit_goes_the_long_way(
    store: Store, client: Redis, period: str
) -> None:
    site, now = site_on(store), real_now()
    record(store, range(100), at=now)
    name = period if period == "integers" else UTC_CALENDAR.period_at(Granularity(period), now).name
    client.delete(keys.segment(0, "seen", name))
    left = count(store)

    made = visit(site, "seen", 500, now)

    assert made == (True, left + 1) == (True, count(store))
    assert count(store, granularity=Granularity.DAY) == (1 if period == "day" else 101)


def test_a_visit_whose_segment_the_registries_lack_enters_it_again(store: Store, client: Redis) -> None:
    """As after a failover to a replica that had not got them yet; on a cluster the bits are elsewhere."""
    for user in (1, SEGMENT_BITS + 1):
        visit(site_on(store), "seen", user, real_now())
    for granularity in Granularity:
        name = UTC_CALENDAR.period_at(granularity, real_now()).name
        client.setbit(keys.segments("seen", name), 1, 0)

    made = visit(site_on(store), "seen", SEGMENT_BITS + 2, real_now())

    assert made.users == 3
    assert [count(store, granularity=granularity) for granularity in Granularity] == [3] * len(Granularity)


def test_where_the_registry_cannot_be_read_the_visit_has_failed(client: Redis) -> None:
    """Marked, and not counted: what went the long way then would be no new user any more."""
    now = real_now()
    visit(site_on(Store.on(client)), "seen", 1, now)
    registry = keys.segments("seen", ALL_TIME.name)
    kept = client.get(registry)
    client.delete(registry)
    client.rpush(registry, "no bits")

    (found,) = visit_each(site_on(Store.on(client)), "seen", [2], now)

    assert isinstance(found, ResponseError)
    client.set(registry, cast(bytes, kept))
    assert count(Store.on(client)) == 2


def test_a_count_that_another_segment_has_lost_is_made_of_its_bits(store: Store, client: Redis) -> None:
    site, now = site_on(store), real_now()
    record(store, [1, SEGMENT_BITS, SEGMENT_BITS + 1], at=now)
    visit(site, "seen", 1, now)
    client.delete(keys.user_count(1, "seen", "integers"))

    assert visit(site, "seen", 2, now) == (True, 4)


def test_an_event_of_texts_refuses_an_integer_however_it_began(store: Store) -> None:
    site, now = site_on(store), real_now()
    visit(site, "seen", 0, now)
    visit(site, "seen", 1, now)
    forget(site, "seen")
    record(store, ["a", "b"])

    with pytest.raises(InvalidInput, match="event seen has texts"):
        visit(site, "seen", 1, now)

    assert count(store) == 2


def test_another_process_has_opened_a_segment_meanwhile(client: Redis) -> None:
    one, other = Store.on(client), Store.on(client)
    now = real_now()
    visit(site_on(one), "seen", 1, now)
    visit(site_on(one), "seen", 1, now)

    visit(site_on(other), "seen", SEGMENT_BITS, now)

    assert visit(site_on(one), "seen", 2, now) == (True, 3)


@pytest.mark.parametrize("minutes", [0, 1, 14, 15, 29, 30, 59, 60, 24 * 60])
def test_cached_periods_of_a_quarter_hour_are_those_of_its_moments(minutes: int) -> None:
    moment = NOW + timedelta(minutes=minutes)
    quarter = moment - timedelta(minutes=moment.minute % 15)

    names = names_of_periods(UTC_CALENDAR, quarter)

    assert names == tuple(UTC_CALENDAR.period_at(granularity, moment).name for granularity in Granularity)


def test_the_count_of_a_new_day_is_that_of_all_time(store: Store) -> None:
    site, now = site_on(store), real_now()
    record(store, [1, 2], at=now - timedelta(days=2))

    assert visit(site, "seen", 2, now) == (False, 2)
    assert counts.count(site, "seen", ALL_TIME) == 2
