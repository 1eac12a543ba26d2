"""Distinct users are counted exactly, and who was here is told exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.events.ingest import MOST_SINGLE_BITS
from donebit.activity.periods.calendar import Granularity
from donebit.activity.users.ids import LARGEST_ID, User
from donebit.errors import ConfigurationError, InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS
from tests.activity.arranged import count, present, real_now, record, record_packed
from tests.clustered import in_one_piece
from tests.conftest import everything, keys_in_use

AT_BORDERS = [0, 1, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 1, 2 * SEGMENT_BITS, LARGEST_ID]


def test_each_user_counts_once_in_every_period(store: Store) -> None:
    first, again = record(store, [7, 8, 7]), record(store, [8, 9])

    assert (first.received, first.fresh_in_day, first.fresh_ever) == (3, 2, 2)
    assert (again.received, again.fresh_in_day, again.fresh_ever) == (2, 1, 1)
    assert [count(store, granularity=one) for one in Granularity] == [3] * 5


def test_who_came_on_another_day_is_new_that_day_and_not_for_ever(store: Store) -> None:
    yesterday = real_now() - timedelta(days=1)
    record(store, [1, 2], at=yesterday)

    today = record(store, [2, 3])

    assert (today.fresh_in_day, today.fresh_ever) == (2, 1)
    assert count(store, granularity=Granularity.DAY) == 2
    assert count(store, granularity=Granularity.DAY, at=yesterday) == 2
    assert count(store) == 3


@pytest.mark.parametrize("user", AT_BORDERS)
def test_an_id_at_the_border_of_a_segment_is_itself_and_no_other(store: Store, user: int) -> None:
    record(store, [user])

    assert [other for other in AT_BORDERS if present(store, other)] == [user]
    assert count(store) == 1


@pytest.mark.parametrize("size", [1, 2, MOST_SINGLE_BITS - 1, MOST_SINGLE_BITS, MOST_SINGLE_BITS + 1, 2000])
def test_few_ids_and_many_are_recorded_alike(store: Store, size: int) -> None:
    first = SEGMENT_BITS - size // 2  # about a half in each of two segments
    ids = list(range(first, first + size))
    record(store, ids[::2])

    made = record(store, ids)

    assert (made.received, made.fresh_ever) == (size, size // 2)
    assert count(store) == size
    assert not present(store, first - 1)
    assert not present(store, first + size)


def test_packed_ids_are_recorded_as_listed_ones_are(store: Store) -> None:
    ids = [3, 1, 3, SEGMENT_BITS, LARGEST_ID]

    listed, packed = record(store, ids, "listed"), record_packed(store, ids, "packed")

    assert listed == packed
    assert count(store, "listed") == count(store, "packed") == 4


def test_texts_are_users_too_and_each_is_one(store: Store) -> None:
    texts = ["ada", "grace", "ada", "7", "ädä", "x" * 200]

    made = record(store, texts)

    assert (made.received, made.fresh_ever) == (6, 5)
    assert [present(store, text) for text in ("ada", "7", "ädä", "nobody")] == [True, True, True, False]


def test_a_text_has_one_number_in_all_events_and_numbers_are_dense(store: Store) -> None:
    in_one_piece(store)
    record(store, ["a", "b"], "one")
    record(store, ["c", "b"], "two")

    assert sorted(store.directory.number_users(["a", "b", "c"])) == [0, 1, 2]


def test_an_event_never_seen_is_empty_and_no_error(store: Store, client: Redis) -> None:
    assert count(store, "never") == 0
    assert not present(store, 7, "never")
    assert list(client.scan_iter()) == []


@pytest.mark.parametrize(
    ("users", "why"),
    [
        ([], "users is empty; a batch names at least one"),
        ([1, -1], "user id -1 is out of range; it must be 0 to 4294967295"),
        ([1, LARGEST_ID + 1], "user id 4294967296 is out of range; it must be 0 to 4294967295"),
        ([1, "two"], "a batch holds integers or texts, not both"),
        (["a", ""], "a text id has 1 to 200 characters; one has 0"),
        (["a", "x" * 201], "a text id has 1 to 200 characters; one has 201"),
        (["a", "b"], r"event seen has integers \(set by its first visit\); this batch has texts"),
        ([1, LARGEST_ID], "event seen would span 2 segments of 1048448 ids; at most 1"),
    ],
)
def test_one_bad_user_refuses_the_batch_and_changes_nothing(
    store: Store, client: Redis, users: list[User], why: str
) -> None:
    record(store, [1])
    before = everything(client)

    with pytest.raises(InvalidInput, match=why):
        record(store, users, max_segments=1)

    assert everything(client) == before


def test_an_event_of_texts_refuses_integers(store: Store, client: Redis) -> None:
    record(store, ["a"])
    before = everything(client)

    with pytest.raises(InvalidInput, match=r"has texts \(set by its first visit\); this batch has integers"):
        record(store, [1])
    with pytest.raises(InvalidInput, match="event seen holds texts, and 1 is not one"):
        present(store, 1)

    assert everything(client) == before


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(days=-402)])
def test_a_time_that_is_refused_changes_nothing(store: Store, client: Redis, off: timedelta) -> None:
    with pytest.raises(InvalidInput, match=r"at is|no longer kept"):
        record(store, [1], at=real_now() + off)

    assert list(client.scan_iter()) == []


def test_another_layout_is_refused_with_what_to_do(store: Store, client: Redis) -> None:
    client.set(keys.LAYOUT, "0 segment_bits=8")

    with pytest.raises(ConfigurationError, match=r"'0 segment_bits=8'.* use another database"):
        record(store, [1])

    assert keys_in_use(client) == [keys.LAYOUT.encode()]


def test_two_batches_in_one_call_of_the_server_at_most(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "SEGMENTS_A_CALL", 2)
    ids = [segment * SEGMENT_BITS + 5 for segment in range(7)]

    record(store, ids)

    assert count(store) == 7
