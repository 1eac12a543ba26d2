"""What an event takes is what the server says; what an import would take is near it."""

from __future__ import annotations

import numpy as np
import pytest

from donebit.activity.events import memory
from donebit.activity.periods.calendar import Granularity
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import record_packed, site_on

DENSE = range(2 * SEGMENT_BITS)
SPARSE = range(0, 20 * SEGMENT_BITS, SEGMENT_BITS // 2 + 17)


@pytest.mark.parametrize("ids", [[7], DENSE, SPARSE], ids=["one", "dense", "sparse"])
def test_an_estimate_is_near_what_is_taken_then(real_store: Store, ids: range) -> None:
    array = np.array(ids, np.uint32)

    said = memory.estimate(site_on(real_store), "seen", array)
    record_packed(real_store, ids)

    (month,) = [one for one in memory.usage(site_on(real_store), "seen") if one.period.granularity == "month"]
    assert (said.users, said.segments) == (len(array), month.segments)
    assert 0.5 <= month.bytes / said.bytes_a_period <= 1.3


def test_every_period_is_listed_with_its_size_the_largest_first(real_store: Store) -> None:
    record_packed(real_store, DENSE)

    found = memory.usage(site_on(real_store), "seen")

    assert {one.period.granularity for one in found} == set(Granularity)
    assert [one.bytes for one in found] == sorted((one.bytes for one in found), reverse=True)
    assert all(2 * SEGMENT_BITS / 8 <= one.bytes < 1.06 * 2 * SEGMENT_BITS / 8 for one in found)


def test_an_estimate_knows_the_segments_that_are_there(store: Store) -> None:
    record_packed(store, [1, SEGMENT_BITS])

    said = memory.estimate(
        site_on(store), "seen", np.array([2, 5 * SEGMENT_BITS, 5 * SEGMENT_BITS], np.uint32)
    )

    assert (said.users, said.segments, said.span) == (2, 2, 3)


def test_an_event_never_seen_takes_nothing(store: Store) -> None:
    assert memory.usage(site_on(store), "never") == []
