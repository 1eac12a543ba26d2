"""Ids are cut into segments as division would."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from donebit.activity.users.ids import LARGEST_ID, segments_of
from donebit.store.bitmaps import SEGMENT_BITS

BORDERS = st.integers(0, LARGEST_ID // SEGMENT_BITS).map(lambda number: number * SEGMENT_BITS)
IDS = st.integers(0, LARGEST_ID) | BORDERS | BORDERS.map(lambda one: max(one - 1, 0)) | st.just(LARGEST_ID)


@given(st.lists(IDS, min_size=1))
def test_each_id_lies_in_its_segment_at_its_bit(ids: list[int]) -> None:
    found = segments_of(np.array(ids, np.uint32))

    assert [number for number, _ in found] == sorted({one // SEGMENT_BITS for one in ids})
    assert all(bits.tolist() == sorted(set(bits.tolist())) for _, bits in found)
    assert {number * SEGMENT_BITS + bit for number, bits in found for bit in bits.tolist()} == set(ids)
