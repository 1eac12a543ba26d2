"""Ids are cut into segments as division would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.activity.users.ids import LARGE_BATCH, LARGEST_ID, distinct_of, parts_of, segments_of
from donebit.store.bitmaps import SEGMENT_BITS

BORDERS = st.integers(0, LARGEST_ID // SEGMENT_BITS).map(lambda number: number * SEGMENT_BITS)
IDS = st.integers(0, LARGEST_ID) | BORDERS | BORDERS.map(lambda one: max(one - 1, 0)) | st.just(LARGEST_ID)


@given(st.lists(IDS, min_size=1))
def test_each_id_lies_in_its_segment_at_its_bit(ids: list[int]) -> None:
    found = segments_of(np.array(ids, np.uint32))

    assert [number for number, _ in found] == sorted({one // SEGMENT_BITS for one in ids})
    assert all(bits.tolist() == sorted(set(bits.tolist())) for _, bits in found)
    assert {number * SEGMENT_BITS + bit for number, bits in found for bit in bits.tolist()} == set(ids)


@given(
    st.lists(IDS, min_size=1, max_size=30),
    st.integers(0, LARGEST_ID - LARGE_BATCH),
    st.sampled_from([1, 977, SEGMENT_BITS // LARGE_BATCH]),
)
def test_a_large_batch_is_cut_as_a_small_one_is(few: list[int], first: int, apart: int) -> None:
    ids = np.array([*few, *((first + apart * n) % 2**32 for n in range(LARGE_BATCH)), *few], np.uint32)

    parts = parts_of(ids)

    assert list(parts) == [number for number, _ in segments_of(ids)]
    for number, bits in segments_of(ids):
        assert np.array_equal(distinct_of(parts[number]), bits)


@pytest.mark.parametrize("first", [0, 5 * SEGMENT_BITS])
def test_a_large_batch_of_one_segment_is_not_ordered(first: int) -> None:
    ids = np.arange(first + LARGE_BATCH, first, -1, dtype=np.uint32)

    ((number, bits),) = parts_of(ids).items()

    assert number == first // SEGMENT_BITS
    assert bits.tolist() == list(range(LARGE_BATCH, 0, -1))
