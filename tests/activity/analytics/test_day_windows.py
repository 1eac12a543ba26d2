"""Days and windows counted again and again, against sets of plain Python, while all that can change does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics.day_windows import DayCounts, Window, count_windows, runs
from donebit.activity.users.erasure import erase
from donebit.store import Store, kept_windows, keys
from tests.activity.analytics.changing_days import (
    CHANGE,
    DAYS,
    Seen,
    bitops,
    change,
    clear_and_set_again,
    day,
)
from tests.activity.arranged import site_on

WINDOWS = [Window(last, width) for last in range(DAYS) for width in (2, 3, 7) if last + 1 >= width]


@pytest.fixture(autouse=True)
def kept_of_few_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_windows, "KEPT_FROM", 0)


def counted(store: Store) -> DayCounts:
    return count_windows(store, [day(ago) for ago in reversed(range(DAYS))], WINDOWS)


def expected(seen: Seen) -> DayCounts:
    days = [seen[ago] for ago in reversed(range(DAYS))]
    of_windows = {one: days[one.last + 1 - one.width : one.last + 1] for one in WINDOWS}
    return DayCounts(
        list(map(len, days)), {window: len(set().union(*users)) for window, users in of_windows.items()}
    )


@pytest.mark.usefixtures("real_client")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGE, max_size=15))
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
    seen = clear_and_set_again(store, counted, cleared, first, again)

    assert counted(store) == expected(seen)


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


@pytest.mark.parametrize("begun_anew", [False, True])
def test_what_was_counted_before_bits_were_cleared_is_not_kept(
    store: Store, client: Redis, begun_anew: bool
) -> None:
    change(store, Seen(set), "visit", 1, 7)
    (before,) = store.kept_windows.read("e", {0: [str(day(1).period)]})
    assert before.generation is not None
    erase(site_on(store), 7)
    if begun_anew:
        store.kept_windows.read("e", {0: [str(day(1).period)]})

    store.kept_windows.keep_windows("e", {0: (before.generation, {"a-window": (1, 1)})})

    assert b"a-window" not in (client.get(keys.kept_windows(0, "e")) or b"")


def test_what_few_users_leave_is_not_kept(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_windows, "KEPT_FROM", 3)
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
