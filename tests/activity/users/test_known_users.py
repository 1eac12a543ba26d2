"""Which events there are, and everybody whom they ever saw."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from donebit.activity.events.deletion import forget
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import EMPTY, all_users, without
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.visits import VisitStore
from tests.activity.arranged import record, site_on
from tests.conftest import everything


def members(store: Store, users: algebra.Set) -> list[int]:
    numbers: list[int] = algebra.members(store, users, limit=10_000).tolist()
    return numbers


def test_every_event_is_known_with_its_kind_until_it_is_forgotten(store: Store) -> None:
    record(store, [1], "whole")
    record(store, ["a"], "texts")
    record(store, [2], "gone")

    forget(site_on(store), "gone")

    assert store.visits.events() == {"whole": "integers", "texts": "texts"}


def test_a_refused_first_batch_makes_no_event(store: Store) -> None:
    with pytest.raises(InvalidInput, match="would span 2 segments"):
        record(store, [1, SEGMENT_BITS], max_segments=1)

    assert store.visits.events() == {}


def test_an_event_deleted_after_its_entry_is_entered_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other opened it in the same periods, and died before it wrote a bit."""
    mark_batch, interruptions = VisitStore._mark_batch, [None]

    def begin_anew_first(self: VisitStore, pipe: Any, event: str, kind: str, lives: Any, batch: Any) -> None:
        if interruptions:
            interruptions.pop()
            if len(pipe):  # on a cluster the entry is a round of its own
                pipe.execute()
                pipe.time()  # in place of the answer that is taken off
            forget(site_on(store), event)
            self.open_event(event, UserKind.INTEGERS, lives, [batch.segment], 9)
        mark_batch(self, pipe, event, kind, lives, batch)

    monkeypatch.setattr(VisitStore, "_mark_batch", begin_anew_first)

    record(store, [1])

    assert store.visits.events() == {"seen": "integers"}


def test_everybody_is_whoever_any_event_of_the_kind_ever_saw(store: Store) -> None:
    record(store, [1, 2, SEGMENT_BITS * 3], "one")
    record(store, [2, 7], "two")
    record(store, ["a", "b", "c", "d"], "texts")

    everybody = all_users(site_on(store), UserKind.INTEGERS)

    assert members(store, everybody) == [1, 2, 7, SEGMENT_BITS * 3]
    assert members(store, without(everybody, Bitmap("one", "all"))) == [7]
    assert algebra.count(store, all_users(site_on(store), UserKind.TEXTS)) == 4


def test_without_events_there_is_nobody(store: Store) -> None:
    assert algebra.counts(store, [all_users(site_on(store), UserKind.INTEGERS), EMPTY]) == [0, 0]


@pytest.mark.parametrize("events", [63, 64, 65, 256, 257, 520])
def test_there_may_be_more_events_than_one_script_may_read(real_client: Redis, events: int) -> None:
    store = Store.on(real_client)
    for number in range(events):
        record(store, [number, 1000], f"e{number}")
    before = everything(real_client)

    everybody = all_users(site_on(store), UserKind.INTEGERS)

    assert members(store, everybody) == [*range(events), 1000]
    assert members(store, without(everybody, Bitmap("e7", "all"))) == [
        number for number in range(events) if number != 7
    ]
    assert algebra.count(store, algebra.both(everybody, without(everybody, EMPTY))) == events + 1
    assert everything(real_client) == before
