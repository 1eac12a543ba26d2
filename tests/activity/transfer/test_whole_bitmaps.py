"""Bitmaps out of the store and in again, on this server or another: the same users."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fakeredis import FakeRedis
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from redis import Redis

from donebit.activity.events import event as events
from donebit.activity.events import ingest
from donebit.activity.periods.calendar import ALL_TIME, DAY, Granularity
from donebit.activity.transfer import export, formats, import_
from donebit.activity.transfer.formats import Format, Parts
from donebit.activity.users import erasure
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap, bits_of
from tests.activity.analytics.visited import FIRST_IN_MID_WEEK
from tests.activity.arranged import UTC_CALENDAR, count, present, real_now, record, site_on
from tests.conftest import everything

USERS = st.sets(
    st.sampled_from([0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, 3 * SEGMENT_BITS + 5])
    | st.integers(SEGMENT_BITS - 700, SEGMENT_BITS + 700),
    min_size=1,
)
READERS: dict[Format, Callable[[bytes], Parts]] = {
    Format.RAW: formats.parts_of_raw,
    Format.ROARING: formats.parts_of_roaring,
}


def exported(store: Store, bitmap: Bitmap, form: Format) -> bytes:
    event = events.get(site_on(store), bitmap.name)
    found = export.export(site_on(store), bitmap, event.kind, form)
    body = b"".join(found.pieces)
    assert found.length == len(body)
    return body


EDGES = sorted({edge + by for edge in (0, *(10**n for n in range(1, 10))) for by in (0, 1, 9)} | {2**32 - 1})


def test_the_length_of_lines_is_known_before_they_are_sent(store: Store) -> None:
    site, now = site_on(store), real_now()
    ingest.record(site, "seen", EDGES, at=now, now=now)
    ingest.record(site, "texts", ["a", "\u00e9", '"', "\U0001f600", "x" * 200], at=now, now=now)
    ingest.record(site, "mapped", EDGES, at=now, now=now, ids=UserKind.MAPPED)

    bodies = {name: exported(store, Bitmap(name, "all"), Format.IDS) for name in ("seen", "texts", "mapped")}

    assert [int(line) for line in bodies["seen"].splitlines()] == EDGES
    assert sorted(map(int, bodies["mapped"].splitlines())) == EDGES
    assert len(bodies["texts"].splitlines()) == 5
    assert exported(store, Bitmap("never", "all"), Format.IDS) == b""


def test_lines_are_shorter_than_said_when_a_user_is_erased_meanwhile(store: Store) -> None:
    site, now = site_on(store), real_now()
    ingest.record(site, "texts", ["ada", "joan"], at=now, now=now)
    found = export.export(site, Bitmap("texts", "all"), UserKind.TEXTS, Format.IDS)

    erasure.erase(site, "ada")

    assert b"".join(found.pieces) == b'"joan"\n'
    assert found.length == len(b'"ada"\n"joan"\n')


@settings(max_examples=16, deadline=None)
@given(USERS, USERS, st.sampled_from(sorted(READERS)))
def test_a_bitmap_taken_to_another_server_adds_its_users_to_those_there(
    users: set[int], others: set[int], form: Format
) -> None:
    with FakeRedis(version=(7, 0)) as here, FakeRedis(version=(7, 0)) as there:
        source, target = Store.on(here), Store.on(there)
        record(source, sorted(users))
        record(target, sorted(others))

        body = exported(source, Bitmap("seen", "all"), form)
        made = import_.add(site_on(target), "seen", ALL_TIME, READERS[form](body), real_now())

        assert made == (len(users), len(users - others))
        assert count(target) == len(users | others)
        assert count(target, granularity=Granularity.DAY) == len(others)  # nobody knows the day of the rest


@pytest.mark.parametrize(
    ("granularity", "written"),
    [
        ("hour", {"hour", "day", "week", "month", "all"}),
        ("day", {"day", "week", "month", "all"}),
        ("month", {"month", "all"}),
        ("all", {"all"}),
    ],
)
def test_an_import_is_seen_in_its_period_and_in_those_it_lies_in(
    store: Store, granularity: str, written: set[str]
) -> None:
    now = real_now()
    period = UTC_CALENDAR.period_at(Granularity(granularity), now)
    parts = formats.parts_of_roaring(BitMap([3, SEGMENT_BITS]).serialize())

    made = import_.add(site_on(store), "seen", period, parts, now)
    again = import_.add(site_on(store), "seen", period, parts, now)

    assert (made, again) == ((2, 2), (2, 0))
    assert {one for one in Granularity if count(store, granularity=one) == 2} == written


@pytest.mark.parametrize(("at", "in_month"), [(FIRST_IN_MID_WEEK + 14 * DAY, 1), (FIRST_IN_MID_WEEK, 0)])
def test_an_imported_week_is_seen_in_the_month_that_it_lies_in(
    store: Store, at: datetime, in_month: int
) -> None:
    period = UTC_CALENDAR.period_at(Granularity.WEEK, at)

    import_.add_users(site_on(store), "seen", period, [3], at)

    assert count(store, granularity=Granularity.WEEK, at=period.start) == 1
    assert count(store, granularity=Granularity.MONTH, at=period.start) == in_month


def test_texts_go_by_name(store: Store) -> None:
    record(store, ["ä", "b c"], at=real_now())
    body = exported(store, Bitmap("seen", "all"), Format.IDS)

    made = import_.add_users(site_on(store), "copy", ALL_TIME, ["ä", "b c", "ä"], real_now())

    assert sorted(body.decode().splitlines()) == ['"\\u00e4"', '"b c"']
    assert made == (2, 2)
    assert count(store, "copy") == 2
    assert not present(store, "ä", "copy")  # of all time only
    with pytest.raises(InvalidInput, match="seen holds texts, whose bits mean nothing elsewhere"):
        exported(store, Bitmap("seen", "all"), Format.RAW)


@pytest.mark.parametrize("form", list(Format))
def test_an_event_never_seen_is_an_empty_bitmap(store: Store, form: Format) -> None:
    body = exported(store, Bitmap("never", "all"), form)

    assert body == (BitMap().serialize() if form is Format.ROARING else b"")


def test_an_empty_bitmap_adds_nobody_and_makes_no_key(store: Store, client: Redis) -> None:
    for parts in (formats.parts_of_raw(bytes(9)), formats.parts_of_roaring(BitMap().serialize())):
        assert import_.add(site_on(store), "seen", ALL_TIME, parts, real_now()) == (0, 0)

    assert client.dbsize() == 0


def test_what_cannot_be_imported_is_refused_and_changes_nothing(store: Store, client: Redis) -> None:
    now = real_now()
    record(store, ["a"], "texts")
    record(store, [1], "seen")
    before = everything(client)
    parts = formats.parts_of_raw(b"\xff")
    far = formats.parts_of_roaring(BitMap(range(0, 10 * SEGMENT_BITS, SEGMENT_BITS)).serialize())
    site, narrow = site_on(store), site_on(store, max_segments=9)
    ahead = UTC_CALENDAR.period_at(Granularity.DAY, now + timedelta(days=2))  # one may begin in a moment
    gone = UTC_CALENDAR.period_at(Granularity.HOUR, now - timedelta(days=5))

    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: import_.add(site, "texts", ALL_TIME, parts, now), "event texts has texts"),
        (lambda: import_.add(site, "seen", ahead, parts, now), "has not begun yet"),
        (lambda: import_.add(site, "seen", gone, parts, now), "no longer kept"),
        (lambda: import_.add(narrow, "seen", ALL_TIME, far, now), "would span 10 segments .* at most 9"),
        (lambda: import_.add_users(site, "seen", ALL_TIME, ["a"], now), "event seen has integers"),
        (lambda: import_.add_users(site, "seen", ALL_TIME, [2**32], now), "4294967296 is out of range"),
    ]
    for refused, why in refusals:
        with pytest.raises(InvalidInput, match=why):
            refused()

    assert everything(client) == before


def test_a_sparse_raw_bitmap_has_zeros_between_and_none_at_its_end(store: Store) -> None:
    record(store, [5, 2 * SEGMENT_BITS + 9])

    body = exported(store, Bitmap("seen", "all"), Format.RAW)

    assert bits_of(body).tolist() == [5, 2 * SEGMENT_BITS + 9]
    assert len(body) == (2 * SEGMENT_BITS + 9) // 8 + 1
