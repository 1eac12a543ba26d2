"""A flag is set and cleared again, for one user, many, or a range of them."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.flags import flag as flags
from donebit.activity.flags import replace
from donebit.activity.query import run, text
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import both
from donebit.activity.sets.members import page_of
from donebit.activity.transfer.formats import parts_of_raw
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.flags import FlagStore
from tests.activity.arranged import real_now, site_on
from tests.conftest import everything, keys_in_use


def test_a_flag_is_set_asked_for_and_cleared_again(store: Store) -> None:
    site = site_on(store)

    assert flags.set_users(site, "newsletter", [7]) == 1
    assert flags.set_users(site, "newsletter", [7, 2**32 - 1]) == 1
    assert [flags.has(site, "newsletter", user) for user in (7, 8, 2**32 - 1)] == [True, False, True]
    assert flags.clear_users(site, "newsletter", [7, 8]) == 1
    assert flags.count(site, "newsletter") == 1


def test_a_flag_whose_deletion_was_interrupted_is_deleted_by_the_next(store: Store) -> None:
    store.flags.enter("f", "integers")

    assert [flags.drop(site_on(store), "f") for _ in range(2)] == [True, False]
    assert store.flags.flags() == {}


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17])
@pytest.mark.parametrize("start", [0, 1, 7, 8, 9, SEGMENT_BITS - 9, SEGMENT_BITS - 1, SEGMENT_BITS])
def test_a_range_is_just_its_users(store: Store, start: int, length: int) -> None:
    site, stop = site_on(store), start + length

    assert flags.set_users(site, "range", [], [(start, stop)]) == length

    assert flags.members(site, "range", limit=50).tolist() == list(range(start, stop))
    assert flags.clear_users(site, "range", [], [(start + 1, stop + 3)]) == length - 1
    assert flags.members(site, "range", limit=50).tolist() == [start]


@pytest.mark.parametrize("how", ["mark", "replace", "raw"])
def test_a_flag_takes_no_more_bytes_than_its_last_user_needs(store: Store, client: Redis, how: str) -> None:
    """Also where all of a segment is sent as one bitmap, of 131 kB."""
    site, ids = site_on(store), list(range(0, 8000, 2))
    if how == "mark":
        flags.set_users(site, "f", ids)
    elif how == "replace":
        replace.assign_users(site, "f", ids)
    else:
        replace.assign(site, "f", parts_of_raw(b"\xaa" * 1000 + bytes(5000)))

    (name,) = client.scan_iter("donebit:flag:{0}:bits:*")
    assert client.strlen(name) == 1000
    assert flags.members(site, "f", limit=5000).tolist() == ids


def test_many_users_below_the_last_one_are_set_and_cleared(store: Store, client: Redis) -> None:
    site, ids = site_on(store), list(range(0, 3000, 3))
    flags.set_users(site, "f", [7, 20_000])

    assert flags.set_users(site, "f", ids) == len(ids)
    assert flags.members(site, "f", limit=5000).tolist() == sorted([*ids, 7, 20_000])
    assert flags.clear_users(site, "f", ids) == len(ids)
    assert flags.members(site, "f", limit=5000).tolist() == [7, 20_000]
    assert client.strlen(keys.flag_segment(0, "f")) == 20_000 // 8 + 1


def test_more_than_are_sent_singly_are_sent_as_one_bitmap(store: Store) -> None:
    site, ids, spans = site_on(store), list(range(0, 3000, 3)), [(n * 10, n * 10 + 2) for n in range(200)]
    wanted = set(ids) | users_in(spans)
    left = wanted - set(ids) - users_in(spans[:100])

    assert flags.set_users(site, "many", ids, spans) == len(wanted)
    assert set(flags.members(site, "many", limit=9999).tolist()) == wanted
    cleared = flags.clear_users(site, "many", [*ids, SEGMENT_BITS - 1], spans[:100])

    assert cleared == len(wanted) - len(left)
    assert set(flags.members(site, "many", limit=9999).tolist()) == left


def test_many_are_cleared_without_making_a_bitmap_longer(store: Store, client: Redis) -> None:
    flags.set_users(site_on(store), "short", [1, 2, 3])

    flags.clear_users(site_on(store), "short", list(range(3, 5000, 2)), [(2, 9000), (9999, 20_000)])

    assert client.get(keys.flag_segment(0, "short")) == b"\x40"


def test_one_is_cleared_without_making_a_bitmap_longer(store: Store, client: Redis) -> None:
    flags.set_users(site_on(store), "short", [1, 2, 3])

    assert flags.clear_users(site_on(store), "short", [3, 5000]) == 1

    assert client.get(keys.flag_segment(0, "short")) == b"\x60"


def test_a_bitmap_that_was_cleared_whole_can_be_cleared_again(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "whole", [], [(0, 100)])

    assert [flags.clear_users(site, "whole", [1], [span]) for span in ((0, 200), (0, 200))] == [100, 0]
    assert flags.clear_users(site, "whole", [], [(0, 200)]) == 0
    assert flags.clear_users(site, "whole", [], [(3, 9)]) == 0
    assert flags.set_users(site, "whole", [7]) == 1


def test_a_range_from_the_first_user_on_leaves_those_behind_it(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "front", [100])

    assert flags.set_users(site, "front", [], [(0, 8)]) == 8
    assert flags.clear_users(site, "front", [], [(0, 4)]) == 4

    assert flags.members(site, "front", limit=9).tolist() == [4, 5, 6, 7, 100]


def users_in(spans: list[tuple[int, int]]) -> set[int]:
    return {user for span in spans for user in range(*span)}


def test_a_flag_is_a_part_of_expressions(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "a", [1, 2, 3])
    flags.set_users(site, "b", [], [(2, 9)])

    assert algebra.members(store, both(Bitmap("a"), Bitmap("b")), limit=9).tolist() == [2, 3]


def test_clearing_what_is_not_there_makes_no_key(store: Store, client: Redis) -> None:
    site = site_on(store)
    flags.clear_users(site, "never", [1], [(0, 10**6)])
    assert list(client.scan_iter()) == []

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

    assert [flag.name for flag in flags.all_flags(site)] == ["gone"]
    assert flags.drop(site, "gone") is True

    assert keys_in_use(client) == [keys.LAYOUT.encode()]
    assert flags.drop(site, "gone") is False


def test_the_kind_is_that_of_the_first_user(store: Store) -> None:
    site = site_on(store)
    flags.set_users(site, "kind", ["a"])

    with pytest.raises(InvalidInput, match="flag kind has texts"):
        flags.set_users(site, "kind", [1])
    with pytest.raises(InvalidInput, match="flag kind has texts"):
        flags.clear_users(site, "kind", [], [(1, 2)])
    with pytest.raises(InvalidInput, match="flag kind has texts"):
        flags.has(site, "kind", 1)


def test_a_flag_of_mapped_integers_takes_clears_and_names_them(store: Store) -> None:
    site, now, far = site_on(store), real_now(), 4_000_000_000
    ingest.record(site, "mapped", [far, 7], at=now, now=now, ids=UserKind.MAPPED)
    run.save(site, "cohort", text.parse("mapped"), now=now)

    assert flags.set_users(site, "cohort", [far, 7, 8]) == 1
    assert [flags.has(site, "cohort", user) for user in (far, 8, 9)] == [True, True, False]
    assert flags.clear_users(site, "cohort", [7, 9]) == 1
    page = page_of(site, UserKind.MAPPED, flags.get(site, "cohort").bitmap, limit=9)
    assert sorted(page.users, key=str) == [far, 8]
    with pytest.raises(InvalidInput, match="mapped integers, which have no ranges"):
        flags.set_users(site, "cohort", [], [(1, 3)])


def test_a_flag_dropped_while_it_is_set_is_registered_again(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between the registry and the bits: what is written then must be found again."""
    site, mark_flag, interruptions = site_on(store), FlagStore.mark_flag, [None]

    def drop_first(*args: Any) -> object:
        if interruptions:
            interruptions.pop()
            flags.drop(site, "raced")
        return mark_flag(*args)

    flags.set_users(site, "raced", [1])
    monkeypatch.setattr(FlagStore, "mark_flag", drop_first)

    flags.set_users(site, "raced", [2])

    assert flags.members(site, "raced", limit=9).tolist() == [2]
    assert [flag.name for flag in flags.all_flags(site)] == ["raced"]
    flags.drop(site, "raced")
    assert keys_in_use(client) == [keys.LAYOUT.encode()]
