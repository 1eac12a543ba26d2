"""Retention asked again and again, against sets of plain Python, while all that can change its days does."""

from __future__ import annotations

import json
from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import cohort_rows, paired_rows
from donebit.activity.analytics.cohort_row import CohortRow, RowCounts
from donebit.activity.analytics.day_windows import Window, count_windows
from donebit.activity.analytics.retention import Cohort
from donebit.activity.users.erasure import erase
from donebit.store import Store, kept_pairs, kept_windows, keys
from donebit.store.kept_pairs import PairRow, Pairs
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

AGO = range(DAYS)[::-1]
PAIRS = DAYS * (DAYS - 1) // 2


def days_between(first: int, last: int) -> range:
    return range(max(first, last), min(first, last) - 1, -1)


AGO_DRAWN = st.integers(0, DAYS - 1)
Question = tuple[range, Cohort]
Change = tuple[str, int, int]
QUESTION = st.tuples(st.builds(days_between, AGO_DRAWN, AGO_DRAWN), st.sampled_from(Cohort))


@pytest.fixture(autouse=True)
def kept_of_few_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_windows, "KEPT_FROM", 0)


def counted(store: Store, rows: range = AGO, cohort: Cohort = Cohort.RECURRING) -> list[RowCounts]:
    """Each day's users, and how many of them were there on each of these days since, their own among them."""
    return cohort_rows.count_rows(store, [row_of(rows, ago, cohort) for ago in rows])


def row_of(rows: range, ago: int, cohort: Cohort) -> CohortRow:
    before = tuple(map(day, earlier(ago))) if cohort is Cohort.FIRST else None
    return CohortRow(day(ago), tuple(map(day, since(rows, ago))), before)


def expected(seen: Seen, rows: range = AGO, cohort: Cohort = Cohort.RECURRING) -> list[RowCounts]:
    users = {ago: set(seen[ago]) for ago in rows}
    if cohort is Cohort.FIRST:
        users = {ago: users[ago].difference(*(seen[back] for back in earlier(ago))) for ago in rows}
    return [
        RowCounts(
            len(users[ago]),
            tuple(len(users[ago] & seen[later]) for later in since(rows, ago)),
            len(seen[ago] - users[ago]),
        )
        for ago in rows
    ]


def since(rows: range, ago: int) -> range:
    return range(ago, rows[-1] - 1, -1)


def earlier(ago: int) -> range:
    return range(ago + 1, DAYS)


def visited_each_day(store: Store, *users: int) -> Seen:
    seen = Seen(set)
    for ago in AGO:
        for user in users:
            change(store, seen, "visit", ago, user)
    return seen


@pytest.mark.usefixtures("real_client")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CHANGE, QUESTION), max_size=12), st.integers(1, 40), st.integers(2, 12))
def test_whatever_changes_pairs_are_counted_as_sets_would(
    real_client: Redis, changes: list[tuple[Change, Question]], a_script: int, most: int
) -> None:
    """However many pairs a script counts, whichever days are asked for, and however many are kept."""
    real_client.flushall()
    store, seen = Store.on(real_client), Seen(set)
    for ago, user in product(AGO, range(5)):
        if 7 * ago >> user & 1:  # so that pairs have different numbers of users in common
            change(store, seen, "visit", ago, user)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_pairs, "BYTES_A_SCRIPT", a_script * 4096)
        patch.setattr(kept_pairs, "MOST_BITMAPS", most)
        for one, question in changes:
            change(store, seen, *one)

            assert counted(store, *question) == expected(seen, *question)


@pytest.mark.parametrize(
    ("cleared", "first", "again"),
    [
        ("erase", [(1, 7), (2, 7), (1, 8), (2, 8)], [(1, 9), (2, 10)]),
        ("take back", [(1, 7), (2, 7)], [(2, 8)]),
        ("forget", [(1, 7), (2, 7)], [(1, 7), (2, 8)]),
    ],
)
def test_bits_cleared_and_as_many_set_are_another_pair(
    store: Store, cleared: str, first: list[tuple[int, int]], again: list[tuple[int, int]]
) -> None:
    seen = clear_and_set_again(store, counted, cleared, first, again)

    assert counted(store) == expected(seen)


def test_one_day_more_and_one_less_are_another_pair(store: Store, client: Redis) -> None:
    """Both bitmaps are compared, not their sum: one of them may be gone, as nothing clears it."""
    seen = Seen(set)
    for ago, user in [(1, 7), (2, 7), (2, 8)]:
        change(store, seen, "visit", ago, user)
    counted(store)
    client.delete(day(2).segment(keys, 0))
    seen[2] = set()
    for ago, user in [(2, 9), (1, 10), (1, 11)]:
        change(store, seen, "visit", ago, user)

    assert counted(store) == expected(seen)


def test_pairs_that_are_kept_are_not_counted_again(real_store: Store, real_client: Redis) -> None:
    seen = visited_each_day(real_store, 7, 8)
    assert counted(real_store) == expected(seen)
    before = bitops(real_client)

    assert counted(real_store) == expected(seen)

    assert bitops(real_client) == before


def test_a_visit_has_only_the_pairs_of_its_day_counted_again(real_store: Store, real_client: Redis) -> None:
    seen = visited_each_day(real_store, 7, 8)
    counted(real_store)
    change(real_store, seen, "visit", 0, 9)
    before = bitops(real_client)

    assert counted(real_store) == expected(seen)

    assert bitops(real_client) - before == DAYS - 1


def test_pairs_beyond_a_scripts_bytes_are_counted_by_the_next(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not anything is kept, and each once."""
    monkeypatch.setattr(kept_pairs, "BYTES_A_SCRIPT", 5 * 4096)
    seen = visited_each_day(real_store, 7, 8)
    before = bitops(real_client)
    for kept_from in (10**9, 0):
        monkeypatch.setattr(kept_windows, "KEPT_FROM", kept_from)

        assert counted(real_store) == expected(seen)

    assert bitops(real_client) - before == 2 * PAIRS


def test_windows_and_pairs_are_kept_beside_each_other(real_store: Store, real_client: Redis) -> None:
    seen = visited_each_day(real_store, 7, 8)
    days, windows = [day(ago) for ago in AGO], [Window(DAYS - 1, 3)]
    for _ in range(2):
        counted(real_store)
        count_windows(real_store, days, windows)
    before = bitops(real_client)

    assert counted(real_store) == expected(seen)
    assert count_windows(real_store, days, windows).windows == {windows[0]: 2}

    assert bitops(real_client) == before


def test_pairs_kept_while_windows_are_counted_do_not_lose_them(store: Store, client: Redis) -> None:
    """Only a script that clears bits begins another generation."""
    visited_each_day(store, 7)
    (before,) = store.kept_windows.read("e", {0: [day(1).period or ""]})
    assert before.generation is not None
    counted(store)

    store.kept_windows.keep_windows("e", {0: (before.generation, {"a-window": (1, 1)})})

    generation, windows = json.loads(client.get(keys.kept_windows(0, "e")) or b"")
    assert generation == before.generation
    assert windows["a-window"] == [1, 1]
    assert len(kept(client)[2]) == PAIRS


def kept(client: Redis) -> tuple[list[str], list[int], list[int]]:
    """Names of days, the users of each, and those that pairs of them have in common."""
    _, of_granularities = json.loads(client.get(keys.kept_windows(0, "e")) or b"")
    return tuple(of_granularities[f"pairs/{len('2026-11-30')}"])


def test_whichever_days_others_ask_for_all_are_counted_right(
    real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is of days that came and went, in any order, between visits that change some of them."""
    drawn, store, seen = Random(1), Store.on(real_client), Seen(set)
    for _ in range(150):
        monkeypatch.setattr(kept_pairs, "MOST_BITMAPS", drawn.choice([3, 6, DAYS]))
        monkeypatch.setattr(kept_pairs, "BYTES_A_SCRIPT", drawn.choice([1, 5, 40]) * 4096)
        what = drawn.choices(["visit", "take back"], [9, 1])[0]  # which leaves a bitmap without users
        change(store, seen, what, drawn.randrange(DAYS), drawn.randrange(20))
        question = days_between(*drawn.choices(AGO, k=2)), drawn.choice(list(Cohort))

        assert counted(store, *question) == expected(seen, *question)


@pytest.mark.parametrize(
    ("columns", "before", "counts"),
    [([1, 0], [3], RowCounts(1, (1, 0), 1)), ([2, 1], [3, 2], RowCounts(0, (0, 0), 2))],
    ids=["columns that begin later", "a row that was before itself"],
)
def test_first_time_rows_of_another_form_are_counted_too(
    store: Store, columns: list[int], before: list[int], counts: RowCounts
) -> None:
    for ago, user in [(3, 7), (2, 7), (2, 8), (1, 7), (1, 8), (0, 7)]:
        change(store, Seen(set), "visit", ago, user)
    row = CohortRow(day(2), tuple(map(day, columns)), tuple(map(day, before)))

    assert cohort_rows.count_rows(store, [row]) == [counts]


def test_matrices_whose_first_row_has_passed_are_dropped(real_store: Store, real_client: Redis) -> None:
    """Of each first row there is one; six are kept at most."""
    visited_each_day(real_store, 7)
    for first in AGO[:7]:
        counted(real_store, days_between(first, 0), Cohort.FIRST)

    _, kept_by_name = json.loads(real_client.get(keys.kept_windows(0, "e")) or b"")
    assert list(kept_by_name) == [f"first/{day(AGO[6]).period}"]


def test_days_of_other_questions_are_kept_beside(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as there are not too many: then only those of the last question are."""
    visited_each_day(real_store, 7)
    for most, days in ((4, 4), (3, 2)):
        real_client.delete(keys.kept_windows(0, "e"))
        monkeypatch.setattr(kept_pairs, "MOST_BITMAPS", most)
        for early, late in ((8, 7), (2, 1)):
            cohort_rows.count_rows(real_store, [CohortRow(day(early), (day(late),))])

        names, users, common = kept(real_client)
        assert sorted(names) == sorted(day(ago).period or "" for ago in (8, 7, 2, 1))[-days:]
        assert users == [1] * days
        assert sorted(common) == ([-1] * 4 + [1] * 2 if days == 4 else [1])


def test_pairs_that_few_users_leave_are_not_kept(store: Store, client: Redis) -> None:
    change(store, Seen(set), "visit", 1, 7)
    change(store, Seen(set), "visit", 2, 7)
    asked = [Pairs(0, [day(2), day(1)], [PairRow(0, 1, 2)], "a-matrix", unions=False)]

    assert store.kept_pairs.count_pairs(asked, 3)[0].rows == [[1]]
    assert not client.exists(keys.kept_windows(0, "e"))
    assert store.kept_pairs.count_pairs(asked, 2)[0].rows == [[1]]
    assert client.ttl(keys.kept_windows(0, "e")) > 0


def test_an_erased_user_is_in_no_pair_that_is_kept(store: Store, client: Redis) -> None:
    seen = visited_each_day(store, 7, 8)
    counted(store)
    erase(site_on(store), 8)

    assert not client.exists(keys.kept_windows(0, "e"))
    change(store, seen, "erase", 0, 8)
    assert counted(store) == expected(seen)


def test_a_matrix_of_too_many_days_is_counted_row_by_row(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = visited_each_day(store, 7, 8)
    monkeypatch.setattr(paired_rows, "MOST_BITMAPS", DAYS - 1)

    assert counted(store) == expected(seen)
    assert not client.exists(keys.kept_windows(0, "e"))
