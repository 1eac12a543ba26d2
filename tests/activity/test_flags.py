"""A flag is set and cleared again, for one user, many, or a range of them."""

from __future__ import annotations

import numpy as np
import pytest
from redis import Redis

from shared.activity import flags, sets
from shared.activity.sets import both
from shared.activity.users import Kind
from shared.errors import InvalidInput
from shared.store import Store, keys
from shared.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import site_on
from tests.conftest import everything


def test_a_flag_is_set_asked_for_and_cleared_again(store: Store) -> None:
    site = site_on(store)

    assert flags.set_users(site, "newsletter", [7]) == 1
    assert flags.set_users(site, "newsletter", [7, 2**32 - 1]) == 1
    assert [flags.has(site, "newsletter", user) for user in (7, 8, 2**32 - 1)] == [True, False, True]
    assert flags.clear_users(site, "newsletter", [7, 8]) == 1
    assert flags.count(site, "newsletter") == 1


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17])
@pytest.mark.parametrize("start", [0, 1, 7, 8, 9, SEGMENT_BITS - 9, SEGMENT_BITS - 1, SEGMENT_BITS])
def test_a_range_is_just_its_users(store: Store, start: int, length: int) -> None:
    site, stop = site_on(store), start + length

    assert flags.set_users(site, "range", [], [(start, stop)]) == length

    assert flags.members(site, "range", limit=50).tolist() == list(range(start, stop))
    assert flags.clear_users(site, "range", [], [(start + 1, stop + 3)]) == length - 1
    assert flags.members(site, "range", limit=50).tolist() == [start]


def test_what_is_assigned_is_all_that_a_flag_holds(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "cohort", [1, 2, 5 * SEGMENT_BITS])

    flags.assign_ids(site, "cohort", Kind.INTEGERS, np.array([2, 3, SEGMENT_BITS], np.uint32))

    assert flags.members(site, "cohort", limit=9).tolist() == [2, 3, SEGMENT_BITS]
    assert store.bitmaps.segments([Bitmap("cohort")]) == [[0, 1]]


def test_a_flag_is_a_part_of_expressions(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "a", [1, 2, 3])
    flags.set_users(site, "b", [], [(2, 9)])

    assert sets.members(store, both(Bitmap("a"), Bitmap("b")), limit=9).tolist() == [2, 3]


def test_clearing_what_is_not_there_makes_no_key(store: Store, client: Redis) -> None:
    site = site_on(store)
    flags.clear_users(site, "never", [1], [(0, 10**6)])
    assert client.keys() == []

    flags.set_users(site, "texts", ["a"])
    flags.set_users(site, "numbers", [1])
    before = everything(client)

    assert flags.clear_users(site, "texts", ["b"]) == 0
    assert flags.clear_users(site, "numbers", [9, SEGMENT_BITS + 1], [(2, 3 * SEGMENT_BITS)]) == 0
    assert flags.has(site, "texts", "b") is False
    assert everything(client) == before


def test_a_flag_that_is_dropped_leaves_nothing(store: Store, client: Redis) -> None:
    site = site_on(store)
    flags.set_users(site, "gone", [1, 9 * SEGMENT_BITS])

    assert [flag.name for flag in flags.every(site)] == ["gone"]
    assert flags.drop(site, "gone") is True

    assert client.keys() == [keys.LAYOUT.encode()]
    assert flags.drop(site, "gone") is False


def test_the_kind_is_that_of_the_first_user(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "kind", ["a"])

    with pytest.raises(InvalidInput, match="flag kind holds texts"):
        flags.set_users(site, "kind", [1])
    with pytest.raises(InvalidInput, match="flag kind holds texts"):
        flags.clear_users(site, "kind", [], [(1, 2)])
    with pytest.raises(InvalidInput, match="flag kind holds texts"):
        flags.has(site, "kind", 1)
