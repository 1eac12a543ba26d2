"""What bitmaps take: as much as their bits, and no more for being filled a little at a time."""

from __future__ import annotations

import numpy as np
import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.periods.calendar import Granularity
from donebit.activity.users.ids import LARGEST_ID
from donebit.store import Store, keys
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, room_for
from tests.activity.arranged import count, real_now, record, site_on

GROWING = [1, 100, 4080, 4081, 5000, 5104, 5105, 10_000, 65_000, 100_000, 114_000, 120_000, FULL_BYTES]


@pytest.mark.parametrize("size", GROWING)
def test_a_string_has_the_room_that_its_allocation_has(size: int) -> None:
    room = room_for(size)

    assert size <= room <= FULL_BYTES
    assert room == size or (room < size * 1.26 and (room + 16) % 1024 == 0)
    assert room_for(room) == room


@pytest.mark.parametrize("size", GROWING)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_a_new_bitmap_is_as_long_as_its_allocation(real_client: Redis, size: int, many: bool) -> None:
    last = 8 * size - 1

    record(Store.on(real_client), range(max(0, last - 999), last + 1) if many else [last])

    assert real_client.strlen(keys.segment(0, "seen", "all")) == room_for(size)


def test_a_bitmap_that_fills_slowly_takes_no_more_than_its_bits(real_client: Redis) -> None:
    store = Store.on(real_client)

    for first in range(0, SEGMENT_BITS, 20_000):
        record(store, range(first, min(first + 20_000, SEGMENT_BITS), 50))
        key = keys.segment(0, "seen", "all")
        held, length = real_client.memory_usage(key) or 0, real_client.strlen(key)
        assert held < length + 4096 + 200 if length < 4096 else held < length * 1.01 + 200
    record(store, [SEGMENT_BITS - 1])

    assert list(real_client.scan_iter("donebit:seen:*batch*")) == []
    assert real_client.strlen(key) == FULL_BYTES
    assert (real_client.memory_usage(key) or 0) <= 1.06 * FULL_BYTES
    assert count(store) == SEGMENT_BITS // 50 + 2


def test_one_visit_by_the_largest_id_takes_less_than_a_megabyte(real_client: Redis) -> None:
    record(Store.on(real_client), [LARGEST_ID])

    assert sum(real_client.memory_usage(key) or 0 for key in real_client.scan_iter()) < 1_000_000


@pytest.mark.parametrize("first", [10, 5000, 900_000])
def test_batches_of_other_lengths_than_the_bitmap_are_merged_into_it(store: Store, first: int) -> None:
    now = real_now()
    short, long = np.arange(first, first + 1000, dtype=np.uint32), np.arange(0, 500_000, 100, dtype=np.uint32)

    for ids in (short, long, short):
        ingest.record_ids(site_on(store), "seen", ids, at=now, now=now)

    assert [count(store, granularity=one) for one in Granularity] == [
        len({*short.tolist(), *long.tolist()})
    ] * 5
