"""Days and windows counted again and again, against sets of plain Python, while all that can change does."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import day_windows
from donebit.activity.analytics.day_windows import DayCounts, Window, count_windows, runs
from donebit.activity.events import ingest, single_visit
from donebit.activity.events.deletion import forget
from donebit.activity.events.taking_back import take_back
from donebit.activity.periods.calendar import DAY, Granularity, Period, bounds
from donebit.activity.transfer import import_
from donebit.activity.users.erasure import erase
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.server_client import primaries_of
from tests.activity.arranged import UTC_CALENDAR, real_now, site_on

DAYS = 9
WINDOWS = [Window(last, width) for last in range(DAYS) for width in (2, 3, 7) if last + 1 >= width]
USER = st.sampled_from([0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 9])
AGO = st.integers(0, DAYS - 1)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("visit now"), st.just(0), USER),
        st.tuples(st.sampled_from(["visit", "import", "take back"]), AGO, USER),
        st.tuples(st.just("erase"), st.just(0), USER),
        st.tuples(st.just("forget"), st.just(0), st.just(0)),
    ),
    max_size=15,
)
Seen = defaultdict[int, set[int]]  # how long ago -> who


@pytest.fixture(autouse=True)
def kept_of_few_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_windows, "KEPT_FROM", 0)


def period(ago: int) -> Period:
    return UTC_CALENDAR.period_at(Granularity.DAY, real_now() - ago * DAY)


def day(ago: int) -> Bitmap:
    return Bitmap("e", period(ago).name)


def counted(store: Store) -> DayCounts:
    return count_windows(store, [day(ago) for ago in reversed(range(DAYS))], WINDOWS)


def expected(seen: Seen) -> DayCounts:
    days = [seen[ago] for ago in reversed(range(DAYS))]
    of_windows = {one: days[one.last + 1 - one.width : one.last + 1] for one in WINDOWS}
    return DayCounts(
        list(map(len, days)), {window: len(set().union(*users)) for window, users in of_windows.items()}
    )


def change(store: Store, seen: Seen, what: str, ago: int, user: int) -> None:
    """Do the same to the store and to the sets."""
    if what in ("visit now", "visit", "import"):
        add(store, what, ago, user)
        seen[ago].add(user)
    else:
        clear(store, what, ago, user)
        for day_ago, users in seen.items():
            if what == "forget" or (what == "take back" and day_ago == ago):
                users.clear()
            elif what == "erase":
                users.discard(user)


def add(store: Store, what: str, ago: int, user: int) -> None:
    site, now = site_on(store), real_now()
    if what == "visit now":
        single_visit.visit(site, "e", user, now)
    elif what == "visit":
        ingest.record(site, "e", [user], at=now - ago * DAY, now=now)
    else:
        import_.add_users(site, "e", period(ago), [user], now)


def clear(store: Store, what: str, ago: int, user: int) -> None:
    site = site_on(store)
    if what == "erase":
        erase(site, user)
    elif what == "forget":
        forget(site, "e")
    else:
        take_back(site, "e", *bounds(period(ago)), now=real_now())


@pytest.mark.usefixtures("real_client")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_whatever_changes_they_are_counted_as_sets_would(
    real_client: Redis, changes: list[tuple[str, int, int]]
) -> None:
    real_client.flushall()
    store, seen = Store.on(real_client), Seen(set)
    for one in changes:
        change(store, seen, *one)

        assert counted(store) == expected(seen)


@pytest.mark.parametrize(
    ("cleared", "first", "again"),
    [
        ("erase", [(1, 7), (1, 8), (2, 8)], [(1, 9), (2, 10)]),
        ("take back", [(1, 7), (2, 8)], [(2, 7)]),
        ("forget", [(1, 7), (2, 8)], [(1, 7), (2, 7)]),
    ],
)
def test_bits_cleared_and_as_many_set_are_another_window(
    store: Store, cleared: str, first: list[tuple[int, int]], again: list[tuple[int, int]]
) -> None:
    seen = Seen(set)
    for ago, user in first:
        change(store, seen, "visit", ago, user)
    counted(store)
    change(store, seen, cleared, 2, 8)
    for ago, user in again:
        change(store, seen, "visit", ago, user)

    assert counted(store) == expected(seen)


def bitops(client: Redis) -> int:
    """How often bitmaps were combined, by all servers of the store."""
    stats = [primary.info("commandstats") for primary in primaries_of(client)]
    return sum(of_one.get("cmdstat_bitop", {"calls": 0})["calls"] for of_one in stats)


def test_what_is_kept_is_not_counted_again(real_store: Store, real_client: Redis) -> None:
    seen = Seen(set)
    for ago in range(DAYS):
        change(real_store, seen, "visit", ago, ago)
    counted(real_store)
    before = bitops(real_client)

    assert counted(real_store) == expected(seen)

    assert bitops(real_client) == before


def test_a_late_visit_has_only_the_windows_of_its_day_counted_again(
    real_store: Store, real_client: Redis
) -> None:
    seen = Seen(set)
    for ago in range(DAYS):
        change(real_store, seen, "visit", ago, 7)
    counted(real_store)
    change(real_store, seen, "visit", 8, 9)  # the first of the days: in one window of each width
    before = bitops(real_client)

    assert counted(real_store) == expected(seen)

    assert 0 < bitops(real_client) - before < 2 * len({2, 3, 7})


def test_what_was_counted_before_bits_were_cleared_is_not_kept(store: Store, client: Redis) -> None:
    change(store, Seen(set), "visit", 1, 7)
    (before,) = store.kept_windows.read("e", {0: [str(day(1).period)]})
    assert before.kept is not None
    erase(site_on(store), 7)

    store.kept_windows.keep_windows("e", {0: (before.kept, {"a-window": (1, 1)})})

    assert not client.exists(keys.kept_windows(0, "e"))


def test_what_few_users_leave_is_not_kept(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_windows, "KEPT_FROM", 3)
    seen = Seen(set)
    for ago in range(2):
        change(store, seen, "visit", ago, 7)

    assert counted(store) == expected(seen)
    nothing = client.strlen(keys.kept_windows(0, "e"))
    change(store, seen, "visit", 2, 7)
    assert counted(store) == expected(seen)
    assert client.strlen(keys.kept_windows(0, "e")) > nothing


@pytest.mark.parametrize(
    ("places", "ranges"),
    [([], []), ([0], [(0, 1)]), ([0, 1, 4, 6, 7], [(0, 2), (4, 5), (6, 8)]), ([3], [(3, 4)])],
)
def test_numbers_are_found_in_runs(places: list[int], ranges: list[tuple[int, int]]) -> None:
    assert list(runs(places)) == ranges
