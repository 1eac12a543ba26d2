"""The streaks of all users, against each user's counted one by one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import period_ranges, streaks
from donebit.activity.analytics.period_ranges import PeriodRange
from donebit.activity.analytics.streaks import MOST_BITMAPS, Lengths, Rows, StreakDistribution
from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
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
DENSITIES = st.sampled_from([0.0, 0.02, 0.5, 0.99, 1.0])


def rows_of(periods: int, packed: int, density: float, seed: int) -> Rows:
    """Random visits, eight users a byte."""
    here = np.random.default_rng(seed).random((periods, packed * 8)) < density
    return np.packbits(here, axis=1)


def counted(rows: Rows, *, running: bool) -> list[tuple[int, int]]:
    """(longest, current) of each user."""
    users = np.unpackbits(rows, axis=1).T.astype(bool)
    return [visited.streaks(here, running=running) for here in users.tolist()]


def lengths_of(rows: Rows, *, running: bool) -> tuple[Lengths, Lengths]:
    places = streaks.parts(range(len(rows)), running=running)
    return streaks.lengths((rows[part[0] : part[-1] + 1] for part in places), running=running)


@settings(max_examples=24, deadline=None)
@given(st.integers(1, 600), st.integers(1, 3), DENSITIES, st.integers(0, 999), st.booleans())
def test_streaks_computed_side_by_side_are_those_counted_one_by_one(
    periods: int, packed: int, density: float, seed: int, running: bool
) -> None:
    rows = rows_of(periods, packed, density, seed)

    longest, current = lengths_of(rows, running=running)

    assert list(zip(longest.tolist(), current.tolist(), strict=True)) == counted(rows, running=running)


@pytest.mark.parametrize("length", [1, 2, 3, 127, 128, 129, 130, 255, 256, 257, 383, 384, 385, 1100])
@pytest.mark.parametrize("before", [0, 1, 126, 127, 128])
@pytest.mark.parametrize("after", [0, 1, 128])
@pytest.mark.parametrize("running", [False, True])
def test_a_streak_is_as_long_as_it_is_wherever_it_begins(
    length: int, before: int, after: int, running: bool
) -> None:
    """128 periods are computed at once, for a byte counts no more than 255."""
    rows = np.zeros((before + length + after, 1), np.uint8)
    rows[before : before + length] = 0b0100_0000

    longest, current = lengths_of(rows, running=running)

    waits = after == 0 or (after == 1 and running)
    assert longest.tolist() == [0, length, 0, 0, 0, 0, 0, 0]
    assert current.tolist() == [0, length if waits else 0, 0, 0, 0, 0, 0, 0]


def test_a_user_who_is_always_here_has_the_longest_streak_there_can_be() -> None:
    rows = np.full((period_ranges.MOST_PERIODS, 1), 0xFF, np.uint8)

    longest, current = lengths_of(rows, running=True)

    assert set(longest.tolist()) == set(current.tolist()) == {1100}


def asked(
    site: Site,
    granularity: Granularity = Granularity.DAY,
    *,
    start: datetime | None = None,
    stop: datetime | None = None,
) -> PeriodRange:
    return period_ranges.requested_range(
        site, events.get(site, "seen"), granularity, start=start, stop=stop, now=NOW
    )


def distribution(site: Site, span: PeriodRange) -> StreakDistribution:
    return streaks.distribution(site, events.get(site, "seen"), span)


def told(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> dict[int, int]:
    return {length: users for length, users in enumerate(counts.tolist()) if users}


RUNS = st.tuples(st.sampled_from(BORDERS), st.integers(0, 40), st.integers(1, 30))
SPECIAL_DAYS = st.sampled_from([LEAP_DAY, CLOCKS_FORWARD, CLOCKS_BACK])
AROUND_THEM = st.builds(lambda day, hours: day + timedelta(hours=hours), SPECIAL_DAYS, st.integers(-36, 36))
VISITS = st.tuples(
    st.lists(RUNS, max_size=6), st.sets(st.tuples(st.sampled_from(BORDERS), AROUND_THEM), max_size=8)
)


def visits_of(runs: list[tuple[int, int, int]], more: set[Visit]) -> set[Visit]:
    """Days in a row of each user, the last of them so many days ago, at a time of their own."""
    days = {
        (user, NOW - (ago + day) * DAY + timedelta(minutes=ago))
        for user, ago, length in runs
        for day in range(length)
    }
    return {(user, min(at, NOW)) for user, at in days} | more


def check(
    client: Redis, visits: set[Visit], granularity: Granularity, start: datetime, stop: datetime
) -> None:
    site = berlin(client)
    visit(site, visits)
    before = everything(client)
    periods = visited.names(granularity, start, stop)
    running = visited.name_at(granularity, NOW) == periods[-1]
    presences = [visited.present(visits, user, granularity, periods) for user in BORDERS]
    wanted = [visited.streaks(here, running=running) for here in presences if any(here)]

    found = distribution(site, asked(site, granularity, start=start, stop=stop))

    assert told(found.longest) == Counter(longest for longest, _ in wanted)
    assert told(found.current) == Counter(current for _, current in wanted)
    assert found.users == len(wanted)
    assert everything(client) == before


GRANULARITIES = st.sampled_from([Granularity.DAY, Granularity.WEEK, Granularity.MONTH])
STARTS = st.sampled_from([LEAP_DAY - DAY, NOW - 60 * DAY, NOW - 10 * DAY])
STOPS = st.sampled_from([NOW, NOW - DAY, NOW - 8 * DAY])


@settings(max_examples=15, deadline=None)
@given(VISITS, GRANULARITIES, STARTS, STOPS)
def test_any_visits_are_distributed_as_they_would_by_hand_on_fakeredis(
    visits: tuple[list[tuple[int, int, int]], set[Visit]],
    granularity: Granularity,
    start: datetime,
    stop: datetime,
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, visits_of(*visits), granularity, start, stop)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=VISITS, granularity=GRANULARITIES, start=STARTS, stop=STOPS)
def test_any_visits_are_distributed_as_they_would_by_hand_on_a_real_server(
    real_client: Redis,
    visits: tuple[list[tuple[int, int, int]], set[Visit]],
    granularity: Granularity,
    start: datetime,
    stop: datetime,
) -> None:
    real_client.flushall()
    check(real_client, visits_of(*visits), granularity, start, stop)


def test_packed_batches_and_single_bits_are_read_alike(store: Store) -> None:
    site = site_on(store)
    many = set(range(5000))
    visit(site, {(user, NOW - 2 * DAY) for user in many} | {(1, NOW - DAY), (9000, NOW - DAY)})

    found = distribution(site, asked(site))

    assert told(found.longest) == {1: 5000, 2: 1}
    assert told(found.current) == {0: 4999, 1: 1, 2: 1}


def test_an_event_never_seen_has_no_streaks(store: Store) -> None:
    site = site_on(store)

    found = distribution(site, asked(site))

    assert (found.users, told(found.longest), told(found.current)) == (0, {}, {})


@pytest.mark.own_keys("donebit:event:{seen}:segments:*")
def test_more_bitmaps_than_can_be_read_in_seconds_are_refused(store: Store, client: Redis) -> None:
    site = site_on(store)
    span = asked(site)
    segments = MOST_BITMAPS // len(span.periods) + 1
    registry = bytes(np.packbits(np.ones(segments, np.uint8)))
    client.mset({keys.segments("seen", period.name): registry for period in span.periods})

    with pytest.raises(InvalidInput, match=r"read from 40100 bitmaps of 131056 bytes; at most 40000"):
        distribution(site, span)


def shapes(site: Site) -> list[list[tuple[int, ...]]]:
    event = events.get(site, "seen")
    return [[rows.shape for rows in parts] for parts in streaks.segment_parts(site, event, asked(site))]


def test_of_a_segment_some_periods_at_a_time_are_in_memory(real_store: Store) -> None:
    site = site_on(real_store)
    ingest.record_ids(site, "seen", np.arange(SEGMENT_BITS, dtype=np.uint32), at=NOW, now=NOW)

    assert shapes(site) == [[(128, 131_056)] * 3 + [(16, 131_056), (1, 131_056)]]


def test_a_period_without_a_segment_keeps_nothing_of_the_one_before(real_store: Store) -> None:
    site = site_on(real_store)
    visit(site, {(user, NOW - day * DAY) for user in (0, SEGMENT_BITS) for day in (130, 300)} | {(0, NOW)})

    found = distribution(site, asked(site))

    assert told(found.longest) == {1: 2}
    assert told(found.current) == {0: 1, 1: 1}


@pytest.mark.parametrize("seen", [[], [0], [3], [0, 3], [0, 1, 2], [0, 1, 2, 3]])
def test_bytes_in_which_nobody_was_seen_end_every_streak(seen: list[int]) -> None:
    rows = np.zeros((3, 4), np.uint8)
    rows[:, seen] = 0b1000_0001
    longest, current = np.full(32, 7, np.uint16), np.full(32, 2, np.uint16)

    wanted = longest.copy(), current.copy()
    streaks.extend(*wanted, rows)

    found = longest, current
    streaks.extend_where_seen(*found, rows)

    assert [one.tolist() for one in found] == [one.tolist() for one in wanted]
