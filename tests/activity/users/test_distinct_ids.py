"""A batch may name a user any number of times, in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from donebit.activity.users.ids import LARGEST_ID, distinct_of

IDS = st.integers(0, LARGEST_ID) | st.integers(0, 9) | st.integers(LARGEST_ID - 9, LARGEST_ID)


@given(st.lists(IDS))
def test_each_id_of_a_batch_is_kept_once_and_in_order(ids: list[int]) -> None:
    kept = distinct_of(np.array(ids, np.uint32))

    assert kept.tolist() == sorted(set(ids))
