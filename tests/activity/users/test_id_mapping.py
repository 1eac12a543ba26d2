"""Sparse integers numbered densely: where the event's first visit says so, and from then on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.events.deletion import forget
from donebit.activity.flags import flag
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.sets import algebra
from donebit.activity.sets.members import page_of
from donebit.activity.transfer import import_
from donebit.activity.users import id_mapping
from donebit.activity.users.erasure import erase
from donebit.activity.users.ids import LARGEST_ID, User, UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.directory import TextDirectory
from donebit.store.visits import VisitStore
from tests.activity.arranged import count, present, real_now, record, site_on
from tests.clustered import in_one_piece
from tests.conftest import everything

SPARSE = [LARGEST_ID, 7, 3 * SEGMENT_BITS, 0]


def record_as(
    store: Store, users: Sequence[User], kind: UserKind | None, event: str = "seen"
) -> ingest.Recorded:
    now = real_now()
    return ingest.record(site_on(store, max_segments=1), event, users, at=now, now=now, ids=kind)


def test_mapped_integers_fit_one_segment_and_are_themselves(store: Store) -> None:
    made = record_as(store, [*SPARSE, 7], UserKind.MAPPED)

    assert (made.received, made.fresh_ever, count(store)) == (5, 4, 4)
    assert [present(store, user) for user in (*SPARSE, 1, 2, 3)] == [True] * 4 + [False] * 3
    assert store.bitmaps.segments([Bitmap("seen", "all")]) == [[0]]


@pytest.mark.parametrize("kind", [None, UserKind.MAPPED])
def test_later_visits_are_mapped_whether_they_say_so_or_not(store: Store, kind: UserKind | None) -> None:
    record_as(store, SPARSE, UserKind.MAPPED)

    made = record_as(store, [7, 9], kind)
    now = real_now()
    packed = ingest.record_ids(site_on(store), "seen", np.array([9, 10], np.uint32), at=now, now=now)

    assert (made.fresh_ever, packed.fresh_ever, count(store)) == (1, 1, 6)


def test_an_integer_has_one_mapped_number_in_all_events(store: Store) -> None:
    record_as(store, [5, 6], UserKind.MAPPED, "one")
    record_as(store, [7, 6], UserKind.MAPPED, "two")

    assert algebra.count(store, algebra.both(Bitmap("one", "all"), Bitmap("two", "all"))) == 1


@pytest.mark.parametrize(
    ("kind", "users"),
    [(UserKind.INTEGERS, [LARGEST_ID, 5]), (UserKind.TEXTS, ["b", "ä", "a"]), (UserKind.MAPPED, SPARSE)],
)
def test_members_are_named_as_they_were_sent(store: Store, kind: UserKind, users: list[User]) -> None:
    in_one_piece(store)  # members come in the order of their numbers
    now, site = real_now(), site_on(store)
    ingest.record(site, "seen", users, at=now, now=now, ids=kind)

    members = algebra.members(store, Bitmap("seen", "all"), limit=10)

    wanted = sorted(users) if kind is UserKind.INTEGERS else users
    assert id_mapping.names_of(site, kind, members) == wanted
    assert [id_mapping.number_of(site, kind, user) for user in wanted] == members.tolist()


def test_every_number_of_a_user_is_found(store: Store) -> None:
    in_one_piece(store)
    record_as(store, [5, 6], UserKind.MAPPED)
    record_as(store, ["six"], None, "texts")
    site = site_on(store)

    assert [id_mapping.number_of(site, kind, 6) for kind in (UserKind.INTEGERS, UserKind.MAPPED)] == [6, 1]
    assert [id_mapping.number_of(site, kind, 7) for kind in (UserKind.INTEGERS, UserKind.MAPPED)] == [7, None]
    assert id_mapping.number_of(site, UserKind.TEXTS, "six") == 0
    assert id_mapping.number_of(site, UserKind.TEXTS, "seven") is None


def test_an_event_forgotten_may_begin_anew_as_another_kind(store: Store) -> None:
    record_as(store, SPARSE, UserKind.MAPPED)
    forget(site_on(store), "seen")

    record_as(store, [1], UserKind.INTEGERS)

    assert store.visits.events() == {"seen": "integers"}


def test_a_user_counts_as_new_once_though_the_event_was_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the bits and the look at the registries: the bits are gone, and written again."""
    mark_batch, interruptions = VisitStore._mark_batch, [None]

    def forgotten_behind(self: VisitStore, pipe: Any, *batch: Any) -> None:
        mark_batch(self, pipe, *batch)
        if interruptions:
            interruptions.pop()
            answers = pipe.execute()
            forget(site_on(store), "seen")
            for answer in answers:
                pipe.eval("return cjson.decode(ARGV[1])", 0, str(answer))

    monkeypatch.setattr(VisitStore, "_mark_batch", forgotten_behind)

    made = record(store, [1, 2])

    assert (made.received, made.fresh_in_day, made.fresh_ever, count(store)) == (2, 2, 2, 2)


def test_texts_of_a_batch_that_loses_the_race_for_the_kind_get_no_numbers(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, interruptions = TextDirectory.known, [None]

    def integers_first(self: TextDirectory, texts: list[str]) -> object:
        if interruptions:
            interruptions.pop()
            record(store, [1])
        return known(self, texts)

    monkeypatch.setattr(TextDirectory, "known", integers_first)

    with pytest.raises(InvalidInput, match="event seen has integers"):
        record(store, ["a", "b"])

    assert not [key for key in everything(client) if b"{users}" in key]


def test_what_is_new_in_several_parts_of_a_request_is_numbered_once(store: Store) -> None:
    now, site = real_now(), site_on(store)
    arrivals = [Arrival(event, ["a", "b"], now) for event in ("one", "two", "one")]

    made = ingest.record_all(site, arrivals, now=now)

    assert [(one.received, one.fresh_ever) for one in made.values()] == [(4, 2), (2, 2)]
    assert store.quotas.amounts().text_ids == 2


@pytest.mark.parametrize("known_at", [0, 999, 1000, 1499])
def test_ids_that_are_known_among_many_new_keep_their_numbers(real_store: Store, known_at: int) -> None:
    in_one_piece(real_store)
    texts = [f"text {number}" for number in range(1500)]
    (before,) = real_store.directory.number_users([texts[known_at]])

    numbers = real_store.directory.number_users(texts)

    assert numbers[known_at] == before == 0
    assert sorted(numbers) == list(range(1500))
    assert real_store.directory.known(texts).tolist() == numbers


def test_a_uuid_is_one_user_in_capitals_and_in_lower_case(store: Store) -> None:
    site, now, uuid = site_on(store), real_now(), "6f9619ff-8b86-d011-b42d-00c04fc964ff"

    record(store, [uuid.upper(), uuid], "read")
    received = import_.add_users(site, "moved", ALL_TIME, [uuid, uuid.upper()], now)
    flag.set_users(site, "staff", [uuid.upper()])
    again = record(store, [uuid], "read")

    assert (again.fresh_ever, received) == (0, (1, 1))
    assert count(store, "read") == flag.count(site, "staff") == 1
    assert present(store, uuid, "read")
    assert flag.has(site, "staff", uuid)
    assert page_of(site, UserKind.TEXTS, Bitmap("read", "all"), limit=9).users == [uuid]
    assert erase(site, uuid.upper()).events == {"read", "moved"}
    assert count(store, "read") == flag.count(site, "staff") == 0
